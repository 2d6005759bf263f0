"""Bars from files: one Parquet file of adjusted daily bars, and one of names and types."""

import asyncio
import math
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np

from services.fetcher.local_bars import Kind, LocalBars, parquet_file, read_bars, require
from services.fetcher.source import Listing, Pace, SessionBars, SymbolBars
from services.fetcher.symbols import SymbolIndex
from services.fetcher.validity import valid_bars
from services.market.adjust import Split
from services.market.sessions import from_day_number, to_day_number
from services.market.universe import type_by_suffix
from services.market.vocabulary import SymbolType

LISTED_SESSIONS: Final = 300
"""A symbol is listed if it has a bar in so many of the file's last sessions."""

UNIVERSE_TYPES: Final = MappingProxyType(
    {
        "common": SymbolType.COMMON,
        "adr": SymbolType.ADR,
        "etf": SymbolType.ETF,
        "fund": SymbolType.FUND,
        "preferred": SymbolType.PREFERRED,
        "warrant": SymbolType.WARRANT,
        "unit": SymbolType.UNIT,
        "right": SymbolType.RIGHT,
        "note": SymbolType.NOTE,
    }
)
"""Values of `type` in a universe file; "unclassified" and others are told by the symbol's suffix."""

_UNIVERSE_COLUMNS: Final[dict[str, Kind]] = {
    "bars_symbol": "text",
    "name": "text",
    "exchange": "text",
    "type": "text",
    "sector": "text",
    "market_cap": "number",
    "test_issue": "text",
}


class LocalSource:
    """A `BarSource` over files that are read once; see `open`.

    Args:
        bars: the bars.
        index: numbers of their symbols.
        listings: the reference list.
    """

    name = "files"
    simulated = False
    request_count = 0
    concurrency = 2
    pace = Pace()
    repair_limit = 0

    def __init__(self, bars: LocalBars, index: SymbolIndex, listings: tuple[Listing, ...]) -> None:
        self._bars = bars
        self._index = index
        self._listings = listings

    @classmethod
    async def open(cls, bars_path: Path, universe_path: Path | None, index: SymbolIndex) -> Self:
        """Read the files in a thread.

        Args:
            bars_path: Parquet file with symbol, date, open, high, low, close and volume, taken as adjusted.
            universe_path: Parquet file of attributes, joined on `bars_symbol`; None takes `universe.parquet` beside the
                bars, and without such a file nothing is known but the symbols.
            index: gets the symbols of the bars.

        Raises:
            LocalDataError: a file that is named is absent or is not what it should be.
        """
        return await asyncio.to_thread(cls._read, bars_path, universe_path, index)

    @classmethod
    def _read(cls, bars_path: Path, universe_path: Path | None, index: SymbolIndex) -> Self:
        beside = bars_path.parent / "universe.parquet"
        bars = read_bars(bars_path, index)
        path = universe_path or (beside if beside.is_file() else None)
        known = read_universe(path) if path else {}
        recent = bars.columns[bars.starts[-LISTED_SESSIONS - 1 :][0] :]
        symbols = sorted(index.symbol_at(column) for column in np.flatnonzero(np.bincount(recent)).tolist())
        listings = (known.get(symbol, _unknown(symbol)) for symbol in symbols)
        return cls(bars, index, tuple(listing for listing in listings if listing is not None))

    def __repr__(self) -> str:
        return f"LocalSource({len(self._bars.columns)} bars, {self.latest_session()})"

    @property
    def dropped_count(self) -> int:
        """Rows of the file left out because their date is no session of the exchange."""
        return self._bars.dropped_count

    def latest_session(self) -> date:
        """Return the last session of the exchange in the file."""
        return from_day_number(int(self._bars.session_days[-1]))

    async def listings(self) -> tuple[Listing, ...]:
        """Return the symbols with a bar in the file's last sessions, without test issues, sorted."""
        return self._listings

    async def splits(self, first: date) -> tuple[Split, ...]:  # noqa: ARG002 - the port's parameter
        """Return nothing: the bars are adjusted already."""
        return ()

    async def session_bars(self, session: date) -> SessionBars:
        """Return the bars of one session; none if the file has none."""
        return await asyncio.to_thread(self._session_bars, session)

    async def symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        """Return the bars of one symbol; none for an unknown one."""
        return await asyncio.to_thread(self._symbol_bars, symbol, first, last)

    async def close(self) -> None:
        """Do nothing: the files were closed when they had been read."""

    def _session_bars(self, session: date) -> SessionBars:
        begin, end = self._rows(session, session)
        bars = self._bars.values(slice(begin, end))
        good = valid_bars(bars)
        columns = self._bars.columns[begin:end][good]
        return SessionBars(session, columns, bars[:, good], end - begin - len(columns))

    def _symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        begin, end = self._rows(first, last)
        # No bar has column -1.
        column = self._index.column_of(symbol)
        rows = begin + np.flatnonzero(self._bars.columns[begin:end] == (-1 if column is None else column))
        bars = self._bars.values(rows)
        good = valid_bars(bars)
        days = self._bars.session_days[np.searchsorted(self._bars.starts, rows[good], side="right") - 1]
        return SymbolBars(symbol, days, bars[:, good], len(rows) - len(days))

    def _rows(self, first: date, last: date) -> tuple[int, int]:
        days = (to_day_number(first), to_day_number(last) + 1)
        begin, end = self._bars.starts[np.searchsorted(self._bars.session_days, days)].tolist()
        return begin, end


def read_universe(path: Path) -> dict[str, Listing | None]:
    """Read attributes by `bars_symbol`, the first row of each; None for an issue that only tests the exchange.

    Raises:
        LocalDataError: the file is absent, cannot be read, or lacks a column.
    """
    found: dict[str, Listing | None] = {}
    with parquet_file(path) as file:
        require(file, path, _UNIVERSE_COLUMNS)
        rows = file.read(list(_UNIVERSE_COLUMNS)).to_pylist()
    for row in rows:
        symbol = row["bars_symbol"] or ""
        listing = None if row["test_issue"] == "Y" else _listing(symbol, row)
        found.setdefault(symbol, listing)
    return found


def _listing(symbol: str, row: dict[str, Any]) -> Listing:
    cap = row["market_cap"]
    return Listing(
        symbol=symbol,
        name=row["name"] or "",
        type=UNIVERSE_TYPES.get(row["type"]) or type_by_suffix(symbol),
        exchange=row["exchange"] or "",
        sector=row["sector"] or "",
        # The lists say 0 where they do not know.
        market_cap=float(cap) if cap and cap > 0 else math.nan,
    )


def _unknown(symbol: str) -> Listing:
    return Listing(symbol, "", type_by_suffix(symbol), "", "", math.nan)
