"""L1: raw bars in memory, one row a session."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from services.fetcher.source import SessionBars, SymbolBars
from services.market.panel import FIELDS
from services.market.sessions import to_day_number

GROWTH = 1024
"""Rows are this many symbols wider than needed, so that a new listing fits without moving anything."""


class SessionCache:
    """Raw bars of the newest `capacity` sessions that were put in; the oldest session leaves first.

    A row is (symbol, field): a symbol's bar lies in one place, which is what cutting blocks is fast by.
    A session that is not in here was not fetched; a NaN in a session that is in here is a day without a trade.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: dict[date, NDArray[np.float64]] = {}

    def __contains__(self, session: date) -> bool:
        return session in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"SessionCache({len(self._rows)} of {self._capacity} sessions)"

    def put(self, session: SessionBars) -> None:
        """Keep a session's bars, in place of what was there."""
        width = int(session.columns.max(initial=-1)) + 1 + GROWTH
        row = np.full((width, len(FIELDS)), np.nan)
        row[session.columns] = session.bars.T
        self._rows[session.session] = row
        while len(self._rows) > self._capacity:
            del self._rows[min(self._rows)]

    def drop(self, session: date) -> None:
        """Forget a session."""
        self._rows.pop(session, None)

    def correct(self, session: date, columns: NDArray[np.int32], bars: NDArray[np.float64]) -> None:
        """Change bars of a session, if it is here.

        Args:
            session: its date.
            columns: (bar,) int32, numbers of the symbols in the index.
            bars: (field, bar) float64, raw; NaN takes a bar away.
        """
        row = self._rows.get(session)
        if row is not None:
            # A copy: a block may be being cut from the row.
            row = _widened(row, int(columns.max(initial=-1))).copy()
            row[columns] = bars.T
            self._rows[session] = row

    def put_symbol(self, column: int, bars: SymbolBars) -> int:
        """Fill in the bars of one symbol, for the sessions that are here; return how many that were."""
        values = dict(zip(bars.session_days.tolist(), bars.bars.T, strict=True))
        held = [(session, values[number]) for session in self._rows if (number := to_day_number(session)) in values]
        for session, value in held:
            self._rows[session] = _widened(self._rows[session], column)
            self._rows[session][column] = value
        return len(held)

    def gather(self, sessions: Sequence[date], columns: NDArray[np.int32]) -> NDArray[np.float64]:
        """Copy the bars of some symbols over some sessions.

        Args:
            sessions: ascending; one that is not here gives NaN.
            columns: (symbol,) int32, numbers of the symbols in the index.

        Returns:
            (field, session, symbol) float64, raw; NaN = no bar.
        """
        bars = np.empty((len(sessions), len(columns), len(FIELDS)))
        widest = int(columns.max(initial=-1)) + 1
        for place, session in enumerate(sessions):
            row = self._rows.get(session)
            if row is None:
                bars[place] = np.nan
            else:
                # No column lies outside; `clip` spares numpy's own check, which would copy.
                np.take(_widened(row, widest - 1), columns, axis=0, out=bars[place], mode="clip")
        return np.ascontiguousarray(bars.transpose(2, 0, 1))

    def dollar_volumes(self, session: date, count: int) -> NDArray[np.float64]:
        """Return (symbol,) float64: close x volume of a session, USD, of the first `count` symbols; 0 without a bar."""
        row = self._rows.get(session)
        if row is None:
            return np.zeros(count)
        row = _widened(row, count - 1)[:count]
        volumes: NDArray[np.float64] = np.nan_to_num(row[:, 3] * row[:, 4])
        return volumes


def _widened(row: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    """Return the row, or a wider copy of it if `column` lies outside; what it adds is NaN."""
    missing = column + 1 - len(row)
    return row if missing <= 0 else np.pad(row, ((0, missing + GROWTH), (0, 0)), constant_values=np.nan)
