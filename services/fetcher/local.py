"""Bars from files: a file or a folder of daily bars, a file of names and types, and one of splits for raw bars."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from services.fetcher.provider.validity import valid_bars
from services.fetcher.reference.overlay import file_listings
from services.fetcher.source import Details, Listing, Pace, SessionBars, SymbolBars
from services.fetcher.symbols import SymbolIndex
from services.files.attributes import AttributeBook, find_universe, read_attributes
from services.files.bars import BarTable
from services.files.reader import find_files, read_bars
from services.files.splits import read_splits
from services.market.adjust import Split
from services.market.errors import LocalDataError, MalformedAnswerError, ProviderPlanError
from services.market.sessions import to_day_number


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Where the files are.

    Args:
        bars: a file with symbol, date, open, high, low, close and volume, or a folder of such files.
        universe: a file of attributes; None takes `universe.parquet` beside the bars, and without such a file nothing
            is known but the symbols.
        splits: a file of splits for bars that are raw; None for bars that are adjusted.
    """

    bars: Path
    universe: Path | None = None
    splits: Path | None = None


class LocalSource:
    """A `BarSource` over files that are read once; see `open`.

    Args:
        table: the bars.
        columns: (symbol,) int32, numbers of the table's symbols in `index`.
        index: numbers of the symbols.
        book: what is known of the symbols.
        splits: of the symbols, if the bars are raw.
    """

    name = "files"
    simulated = False
    request_count = 0
    answer_counts: ClassVar[Mapping[str, int]] = {}
    failing = False
    concurrency = 2
    pace = Pace()
    repair_limit = 0

    def __init__(
        self,
        table: BarTable,
        columns: NDArray[np.int32],
        index: SymbolIndex,
        book: AttributeBook,
        splits: tuple[Split, ...],
    ) -> None:
        self._table = table
        self._columns = columns
        self._index = index
        self._place_of = {column: place for place, column in enumerate(columns.tolist())}
        self._book = book
        self._splits = splits

    @classmethod
    async def open(cls, files: LocalFiles, index: SymbolIndex) -> Self:
        """Read the files in a thread; the symbols of the bars get columns in `index`.

        Raises:
            LocalDataError: a file that is named is absent or is not what it should be.
        """
        return await asyncio.to_thread(cls._read, files, index)

    @classmethod
    def _read(cls, files: LocalFiles, index: SymbolIndex) -> Self:
        table = read_bars(find_files(files.bars, (files.universe, files.splits)))
        try:
            columns = index.add(table.symbols)
        except MalformedAnswerError as error:
            raise LocalDataError(f"{files.bars}: {error.message}") from error
        book = read_attributes(find_universe(files.bars, files.universe))
        splits = () if files.splits is None else read_splits(files.splits, frozenset(table.symbols))
        return cls(table, columns, index, book, splits)

    def __repr__(self) -> str:
        return f"LocalSource({self._table!r})"

    @property
    def dropped_count(self) -> int:
        """Rows of the files left out because their date is no session of the exchange."""
        return self._table.dropped_count

    def latest_session(self) -> date:
        """Return the last session of the exchange in the files."""
        return self._table.last_session

    def running_session(self) -> None:
        """Return None: files have what is over."""

    def first_day(self) -> None:
        """Return None: files have what they have."""

    async def details(self, symbol: str) -> Details | None:  # noqa: ARG002  # the port's signature
        """Return None: what files know of a symbol stands in its listing."""
        return None

    async def listings(self) -> tuple[Listing, ...]:
        """Return the symbols with a bar in the files' last sessions, without test issues, sorted."""
        return await self.listed_on(self._table.last_session)

    async def listed_on(self, session: date) -> tuple[Listing, ...]:
        """Return the symbols with a bar in the last sessions up to one, without test issues, sorted.

        Who was listed later, or not any more, is not among them: what a scan says does not depend on what followed.
        """
        return await asyncio.to_thread(self._listed_on, session)

    def _listed_on(self, session: date) -> tuple[Listing, ...]:
        places = self._table.listed(session).tolist()
        return file_listings((self._table.symbols[place] for place in places), self._book)

    async def splits(self, first: date) -> tuple[Split, ...]:
        """Return the splits executing on or after `first`; none for bars that are adjusted already."""
        return tuple(split for split in self._splits if split.session_day >= to_day_number(first))

    async def session_bars(self, session: date) -> SessionBars:
        """Return the bars of one session; none if the files have none."""
        return await asyncio.to_thread(self._session_bars, session)

    async def adjusted_bars(self, session: date) -> SessionBars:
        """Return the bars of one session as they are: files restate nothing."""
        return await self.session_bars(session)

    async def running_bars(self, session: date) -> SessionBars:
        """Refuse: files have no running session.

        Raises:
            ProviderPlanError: always.
        """
        raise ProviderPlanError(f"bars from files have no running session {session}")

    async def symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        """Return the bars of one symbol; none for an unknown one."""
        return await asyncio.to_thread(self._symbol_bars, symbol, first, last)

    async def close(self) -> None:
        """Do nothing: the files were closed when they had been read."""

    def _session_bars(self, session: date) -> SessionBars:
        rows = self._table.rows(session, session)
        bars = self._table.values(rows)
        good = valid_bars(bars)
        columns = self._columns[self._table.columns[rows][good]]
        return SessionBars(session, columns, bars[:, good], len(good) - len(columns))

    def _symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        column = self._index.column_of(symbol)
        place = None if column is None else self._place_of.get(column)
        # No bar is of the symbol at -1.
        rows = self._table.rows_of(-1 if place is None else place, first, last)
        bars = self._table.values(rows)
        good = valid_bars(bars)
        return SymbolBars(symbol, self._table.days(rows[good]), bars[:, good], int((~good).sum()))
