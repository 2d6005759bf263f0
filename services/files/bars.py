"""Daily bars in memory, laid out by session."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.files.digits import six_digits
from services.market.panel import FIELDS
from services.market.sessions import FIRST, LAST, from_day_number, sessions_between, to_day_number

LISTED_SESSIONS: Final = 300
"""A symbol counts as listed if it has a bar in so many of the last sessions: the history of a scan."""

VOLUME: Final = FIELDS.index("volume")
Field = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BarTable:
    """Bars, session after session.

    Attributes:
        symbols: as the files spell them.
        session_days: (session,) int32, days since 1970-01-01, ascending: the sessions that have bars.
        starts: (session + 1,) int64, where the bars of a session start and end.
        columns: (bar,) int32, positions in `symbols`, each once a session.
        fields: one (bar,) array a field, as in `panel.FIELDS`; float32 where the files have it, else float64.
        dropped_count: rows left out because their date is no session of the exchange.
    """

    symbols: tuple[str, ...]
    session_days: NDArray[np.int32]
    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    fields: tuple[Field, ...]
    dropped_count: int

    def __repr__(self) -> str:
        return f"BarTable({len(self.columns)} bars of {len(self.symbols)} symbols, up to {self.last_session})"

    @property
    def last_session(self) -> date:
        """The last session that has bars."""
        return from_day_number(int(self.session_days[-1]))

    def listed(self, through: date) -> NDArray[np.intp]:
        """Return the positions of the symbols with a bar in the exchange's `LISTED_SESSIONS` sessions through a day."""
        end = min(max(through, FIRST), LAST)
        first = sessions_between(FIRST, end)[-LISTED_SESSIONS:][0]
        return np.flatnonzero(np.bincount(self.columns[self.rows(first, end)], minlength=len(self.symbols)))

    def rows(self, first: date, last: date) -> slice:
        """Return where the bars of the sessions from `first` to `last` lie."""
        days = (to_day_number(first), to_day_number(last) + 1)
        begin, end = self.starts[np.searchsorted(self.session_days, days)].tolist()
        return slice(begin, end)

    def rows_of(self, column: int, first: date, last: date) -> NDArray[np.intp]:
        """Return where the bars of one symbol from `first` to `last` lie, ascending."""
        rows = self.rows(first, last)
        places: NDArray[np.intp] = rows.start + np.flatnonzero(self.columns[rows] == column)
        return places

    def days(self, rows: NDArray[np.intp]) -> NDArray[np.int32]:
        """Return (bar,) int32, the session days of some bars."""
        return self.session_days[np.searchsorted(self.starts, rows, side="right") - 1]

    def values(self, rows: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        """Return (field, bar) float64 of some bars; prices that are float32 become the decimals that were meant."""
        return np.stack([widened(field[rows], number) for number, field in enumerate(self.fields)])


def widened(field: Field, number: int) -> NDArray[np.float64]:
    """Return values of the field at `number` as float64; a price that is a float32 becomes the decimal meant."""
    wide = field.astype(np.float64)
    return six_digits(wide) if number < VOLUME and field.dtype == np.float32 else wide
