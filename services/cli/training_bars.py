"""Reads what models are trained on: the bars of all stocks of a file, dead ones included."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from services.fetcher.local import read_universe
from services.fetcher.local_bars import LocalBars, read_bars
from services.fetcher.symbols import SymbolIndex
from services.fetcher.validity import valid_bars
from services.market.errors import LocalDataError
from services.market.panel import FIELDS, Panel
from services.market.sessions import from_day_number, sessions_between, to_day_number
from services.market.universe import type_by_suffix
from services.market.vocabulary import DEFAULT_TYPES

BENCHMARK: Final = "SPY"
_PREFERRED_NAME: Final = re.compile(
    r"\d ?%|\bpreferred (stock|share|unit|securit)|(?<!american )depositary share", re.IGNORECASE
)
"""Names of preferred shares that lists type as common: what pays a fixed rate says so."""


@dataclass(frozen=True, slots=True)
class File:
    """A file by its name and content, wherever it lies."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StockBars:
    """Bars of a file.

    Attributes:
        stocks: all sessions of the symbols that may be stocks, taken as adjusted.
        benchmark: the same sessions of SPY alone.
        files: what was read: the bars, and the universe if there is one.
    """

    stocks: Panel
    benchmark: Panel
    files: tuple[File, ...]


def read_stocks(bars_path: Path, universe_path: Path | None) -> StockBars:
    """Read the files.

    Args:
        bars_path: Parquet file of daily bars, as a scan takes it.
        universe_path: Parquet file of names and types; None takes `universe.parquet` beside the bars if it is there.

    Raises:
        LocalDataError: a file is absent or not what it should be, a session is missing, or there is no SPY.
    """
    index = SymbolIndex()
    bars = read_bars(bars_path, index)
    days = bars.session_days
    expected = sessions_between(from_day_number(int(days[0])), from_day_number(int(days[-1])))
    missing = sorted({to_day_number(day) for day in expected} - set(days.tolist()))
    if missing:
        raise LocalDataError(f"{bars_path} has no bar on {from_day_number(missing[0])}, which was a session")
    beside = bars_path.parent / "universe.parquet"
    universe = universe_path or (beside if beside.is_file() else None)
    stocks = _stocks([index.symbol_at(column) for column in range(len(index))], universe)
    spy = index.column_of(BENCHMARK)
    if spy is None:
        raise LocalDataError(f"{bars_path} has no bars of {BENCHMARK}, which market-relative factors need")
    files = tuple(_file(path) for path in (bars_path, universe) if path)
    return StockBars(_panel(bars, index, stocks), _panel(bars, index, [BENCHMARK]), files)


def _stocks(symbols: list[str], universe: Path | None) -> list[str]:
    known = read_universe(universe) if universe else {}
    kept = []
    for symbol in sorted(symbols):
        if symbol not in known:
            if type_by_suffix(symbol) in DEFAULT_TYPES and symbol != BENCHMARK:
                kept.append(symbol)
            continue
        listing = known[symbol]
        if listing and listing.type in DEFAULT_TYPES and not _PREFERRED_NAME.search(listing.name):
            kept.append(symbol)
    return kept


def _panel(bars: LocalBars, index: SymbolIndex, symbols: list[str]) -> Panel:
    """Lay out the bars of some symbols; what is no valid bar is none."""
    place = np.full(len(index), -1, np.int64)
    place[index.add(symbols)] = np.arange(len(symbols))
    laid = np.full((len(FIELDS), len(bars.session_days), len(symbols)), np.nan)
    for session, (begin, end) in enumerate(zip(bars.starts[:-1], bars.starts[1:], strict=True)):
        rows = np.arange(begin, end)[place[bars.columns[begin:end]] >= 0]
        values = bars.values(rows)
        good = valid_bars(values)
        laid[:, session, place[bars.columns[rows[good]]]] = values[:, good]
    return Panel(tuple(symbols), bars.session_days, np.ones(len(bars.session_days), np.bool_), laid)


def _file(path: Path) -> File:
    with path.open("rb") as content:
        return File(path.name, hashlib.file_digest(content, "sha256").hexdigest())
