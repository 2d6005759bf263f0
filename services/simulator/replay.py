"""Real bars from files, replayed: the second thing that the API can answer from. Nothing of them is invented.

Symbols are served as the files spell them. Bars come with the numbers of the files, without `vw` and `n`, whether
adjusted ones are asked for or raw ones: files are taken as adjusted, so there are no splits. A session shows only once
it is over: what its bar looked like before, nobody wrote down.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from services.files.attributes import AttributeBook, find_universe, read_attributes
from services.files.bars import BarTable
from services.files.reader import find_files, read_bars
from services.market.panel import FIELDS
from services.market.sessions import NEW_YORK, from_day_number
from services.market.vocabulary import SymbolType
from services.simulator.quotes import Quotes
from services.simulator.splits import SplitRow

TYPE_CODES: Final = MappingProxyType(
    {
        SymbolType.COMMON: "CS",
        SymbolType.ADR: "ADRC",
        SymbolType.ETF: "ETF",
        SymbolType.FUND: "FUND",
        SymbolType.PREFERRED: "PFD",
        SymbolType.WARRANT: "WARRANT",
        SymbolType.UNIT: "UNIT",
        SymbolType.RIGHT: "RIGHT",
        SymbolType.NOTE: "SP",
        SymbolType.UNKNOWN: "",
    }
)
"""The vendor's code for each type; for several it has more than one."""
EXCHANGE_CODES: Final = MappingProxyType(
    {"NASDAQ": "XNAS", "NYSE": "XNYS", "ARCA": "ARCX", "BATS": "BATS", "AMEX": "XASE", "IEX": "IEXG", "CHX": "XCHI"}
)
"""Market identifier codes by what files call the exchange; other texts are served as they are."""

_EVENING: Final = time(20)


class Replay:
    """Bars and attributes of files, as a `Feed` and a `Directory`.

    Args:
        table: the bars.
        book: the attributes.
    """

    running = False
    splits: tuple[SplitRow, ...] = ()

    def __init__(self, table: BarTable, book: AttributeBook) -> None:
        self._table = table
        self._known = [book.describe(symbol) for symbol in table.symbols]
        self._real = np.array([not known.test_issue for known in self._known])
        self.symbols: Sequence[str] = table.symbols
        self.columns: Mapping[str, int] = {
            symbol: column for column, symbol in enumerate(table.symbols) if self._real[column]
        }
        self.sessions: Sequence[date] = tuple(map(from_day_number, table.session_days.tolist()))
        self._positions = {session: position for position, session in enumerate(self.sessions)}

    @classmethod
    def read(cls, bars: Path, universe: Path | None) -> Self:
        """Read a file or folder of bars, and the file of attributes that was named or lies beside them.

        Raises:
            LocalDataError: a file is absent or is not what it should be.
        """
        table = read_bars(find_files(bars, (universe,)))
        return cls(table, read_attributes(find_universe(bars, universe)))

    def __repr__(self) -> str:
        return f"Replay({self._table!r})"

    @property
    def evening(self) -> datetime:
        """20:00 in New York of the last session: the first moment that every plan but Basic sees all bars."""
        return datetime.combine(self._table.last_session, _EVENING, NEW_YORK)

    def position(self, day: date) -> int | None:
        """Return the position of a session, or None if the files have no bar of that day."""
        return self._positions.get(day)

    def split_count(self, basis: int) -> int:  # noqa: ARG002 - the port's parameter
        """Return 0: the bars are adjusted already."""
        return 0

    def quotes(
        self,
        sessions: NDArray[np.int64],
        columns: NDArray[np.int64],
        basis: int | None,  # noqa: ARG002 - adjusted is all there is
        elapsed: float,  # noqa: ARG002 - only whole sessions show
    ) -> Quotes:
        """Return the bars of some columns in some sessions, which follow each other."""
        grid = np.zeros((len(FIELDS), len(sessions), len(columns)))
        if sessions[-1] >= 0:
            rows = self._table.rows(self.sessions[max(sessions[0], 0)], self.sessions[sessions[-1]])
            place_of = np.full(len(self.symbols), -1)
            place_of[columns] = np.arange(len(columns))
            places = place_of[self._table.columns[rows]]
            wanted = rows.start + np.flatnonzero(places >= 0)
            at = np.searchsorted(self._table.session_days, self._table.days(wanted)) - sessions[0]
            values = self._table.values(wanted)
            values[:, ~np.isfinite(values).all(axis=0)] = 0.0
            grid[:, at, places[places >= 0]] = values
        opened, high, low, close, volume = grid
        nothing = np.zeros(close.shape)
        return Quotes(close != 0, opened, high, low, close, nothing, volume, nothing.astype(np.int64))

    def rows(
        self,
        position: int,
        basis: int | None,  # noqa: ARG002 - as above
        elapsed: float,  # noqa: ARG002 - as above
        timestamp_ms: int,
    ) -> tuple[bytes, int]:
        """Return the bars of one session as rows of an answer, and their number."""
        session = self.sessions[position]
        rows = self._table.rows(session, session)
        values = self._table.values(rows)
        # JSON has neither NaN nor infinity.
        good = np.isfinite(values).all(axis=0)
        names = [self.symbols[column] for column in self._table.columns[rows][good].tolist()]
        found = [
            {"T": symbol, "v": volume, "o": opened, "c": close, "h": high, "l": low, "t": timestamp_ms}
            for symbol, opened, high, low, close, volume in zip(names, *values[:, good].tolist(), strict=True)
        ]
        return orjson.dumps(found)[1:-1], len(found)

    def listed(self, day: date) -> NDArray[np.bool_]:
        """Tell which columns have a bar in the last sessions through a day, (column,) bool."""
        columns = self._table.listed(day)
        listed = np.zeros(len(self.symbols), np.bool_)
        listed[columns] = self._real[columns]
        return listed

    def delisted(self, day: date) -> NDArray[np.bool_]:
        """Tell which columns had bars, but none in the last sessions through a day, (column,) bool."""
        rows = self._table.rows(self.sessions[0], day)
        gone = np.bincount(self._table.columns[rows], minlength=len(self.symbols)) > 0
        gone &= self._real & ~self.listed(day)
        return gone

    def last_session(self, column: int) -> date:
        """Return the last session with a bar of a column."""
        rows = self._table.rows_of(column, self.sessions[0], self.sessions[-1])
        return from_day_number(int(self._table.days(rows[-1:])[0]))

    def code(self, column: int) -> str:
        """Return a code of the vendor's for the type."""
        return TYPE_CODES[self._known[column].type]

    def exchange(self, column: int) -> str:
        """Return the code of the exchange."""
        named = self._known[column].exchange
        return EXCHANGE_CODES.get(named, named)

    def name(self, column: int) -> str:
        """Return the name by the file."""
        return self._known[column].name

    def company_number(self, column: int) -> str:  # noqa: ARG002 - the port's parameter
        """Return nothing: files do not tell it."""
        return ""

    def details(self, column: int) -> dict[str, object]:
        """Return the market cap, where the file knows it."""
        cap = self._known[column].market_cap
        return {} if np.isnan(cap) else {"market_cap": cap}
