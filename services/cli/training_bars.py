"""Reads what models are trained on: the bars of all stocks of a file, dead ones included."""

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from services.fetcher.provider.validity import valid_bars
from services.files.attributes import AttributeBook, find_universe, read_attributes
from services.files.bars import BarTable
from services.files.dividends import find_dividends, read_dividends
from services.files.reader import find_files, read_bars
from services.market.dividends import Bases, find_bases, restate
from services.market.errors import LocalDataError
from services.market.panel import FIELDS, Panel
from services.market.sessions import from_day_number, sessions_between, to_day_number
from services.market.vocabulary import DEFAULT_TYPES

Array = NDArray[np.float64]

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
        files: what was read: the bars, the universe and the dividends if there are such files.
        bases: of the stocks' prices; None if no file of dividends was asked for or found.
    """

    stocks: Panel
    benchmark: Panel
    files: tuple[File, ...]
    bases: Bases | None = None

    def on_price_basis(self) -> Self:
        """Return the same with the stocks' bars restated for splits only, as a provider's are."""
        return self if self.bases is None else self._restated(self.bases.price)

    def on_total_basis(self) -> Self:
        """Return the same with the stocks' bars restated for every dividend that is known, too."""
        return self if self.bases is None else self._restated(self.bases.price * self.bases.total)

    def _restated(self, factors: Array) -> Self:
        return replace(self, stocks=replace(self.stocks, bars=restate(self.stocks.bars, factors)))


def read_stocks(bars_path: Path, universe_path: Path | None) -> StockBars:
    """Read the files.

    Args:
        bars_path: file or folder of daily bars, as a scan takes it.
        universe_path: file of names and types; None takes `universe.parquet` beside the bars if it is there.

    Raises:
        LocalDataError: a file is absent or not what it should be, a session is missing, or there is no SPY.
    """
    paths = find_files(bars_path, (universe_path,))
    bars = read_bars(paths)
    days = bars.session_days
    expected = sessions_between(from_day_number(int(days[0])), from_day_number(int(days[-1])))
    missing = sorted({to_day_number(day) for day in expected} - set(days.tolist()))
    if missing:
        raise LocalDataError(f"{bars_path} has no bar on {from_day_number(missing[0])}, which was a session")
    if BENCHMARK not in bars.symbols:
        raise LocalDataError(f"{bars_path} has no bars of {BENCHMARK}, which market-relative factors need")
    universe = find_universe(bars_path, universe_path)
    stocks = _panel(bars, _stocks(bars.symbols, read_attributes(universe)))
    files = tuple(_file(path) for path in (*paths, universe) if path)
    return StockBars(stocks, _panel(bars, [BENCHMARK]), files)


def with_dividends(bars: StockBars, bars_path: Path, dividends_path: Path | None) -> StockBars:
    """Return the same with what is known of dividends.

    Args:
        bars: of `read_stocks`.
        bars_path: where they were read from.
        dividends_path: file of dividends; None takes `dividends.parquet` beside the bars if it is there.

    Raises:
        LocalDataError: the file is absent or not what it should be.
    """
    path = find_dividends(bars_path, dividends_path)
    if path is None:
        return bars
    dividends = read_dividends(path, frozenset(bars.stocks.symbols))
    return replace(bars, files=(*bars.files, _file(path)), bases=find_bases(bars.stocks, dividends))


def _stocks(symbols: tuple[str, ...], book: AttributeBook) -> list[str]:
    known = {symbol: book.describe(symbol) for symbol in sorted(symbols) if symbol != BENCHMARK}
    return [
        symbol
        for symbol, about in known.items()
        if about.type in DEFAULT_TYPES and not about.test_issue and not _PREFERRED_NAME.search(about.name)
    ]


def _panel(bars: BarTable, symbols: list[str]) -> Panel:
    """Lay out the bars of some symbols; what is no valid bar is none."""
    wanted = {symbol: number for number, symbol in enumerate(symbols)}
    place = np.array([wanted.get(symbol, -1) for symbol in bars.symbols])
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
