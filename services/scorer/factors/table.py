"""A plain data frame of daily bars as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from services.market.panel import FIELDS, Panel
from services.scorer.series import carry_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from services.market.scoring import HistoryRules

    Array = NDArray[np.float64]


class Table(Protocol):
    """A data frame, as far as it matters here: columns by name. It can be made from a dict of columns."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401  # a column of whichever library
        """Return a column."""
        ...


@dataclass(frozen=True, slots=True)
class LongBars:
    """The bars of a frame.

    Attributes:
        symbols: in the order of their first rows.
        days: (session,) int32, days since 1970-01-01, ascending.
        values: (field, session, symbol) float64; NaN = no bar.
        session: (row,) int64, position of the row's date in `days`.
        column: (row,) int64, position of the row's symbol in `symbols`.
    """

    symbols: tuple[str, ...]
    days: NDArray[np.int32]
    values: Array
    session: NDArray[np.int64]
    column: NDArray[np.int64]

    @classmethod
    def of(cls, frame: Table) -> LongBars:
        """Read a frame."""
        symbols, column = _codes(np.asarray(frame["symbol"]))
        dates = np.asarray(frame["date"]).astype("datetime64[D]").astype(np.int32)
        days, session = np.unique(dates, return_inverse=True)
        place = session * len(symbols) + column
        if len(np.unique(place)) != len(place):
            raise ValueError("two rows have the same symbol and date")
        values = np.full((len(FIELDS), len(days), len(symbols)), np.nan)
        for field, name in zip(values, FIELDS, strict=True):
            field[session, column] = np.asarray(frame[name], np.float64)
        return cls(symbols, days, values, session, column)

    def block(self, begin: int, end: int) -> Panel:
        """Cut to some symbols."""
        fetched = np.ones(len(self.days), np.bool_)
        return Panel(self.symbols[begin:end], self.days, fetched, np.ascontiguousarray(self.values[:, :, begin:end]))

    def closes(self, symbol: str, rules: HistoryRules) -> Array | None:
        """Return a symbol's carried closes over the newest sessions; None if there are none."""
        if symbol not in self.symbols:
            return None
        at = self.symbols.index(symbol)
        return carry_series(self.block(at, at + 1), rules).closes().get(symbol)


def _codes(column: NDArray[Any]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Number symbols in the order of their first rows; a run of equal ones is looked up once."""
    if not len(column):
        return (), np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1]]))
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(str(column[start]), len(numbers)) for start in starts.tolist()]
    return tuple(numbers), np.repeat(np.array(codes, np.int64), np.diff(np.append(starts, len(column))))
