"""L1: raw bars in memory, one row a session, bounded in bytes."""

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from threading import Lock
from typing import TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.fetcher.source import SessionBars
from services.market.panel import FIELDS

# A constant for compiled code: a loop of a length that is not known takes twice as long.
_FIELD_COUNT = len(FIELDS)
GROWTH = 1024
"""Rows are this many symbols wider than needed, so that a new listing fits without moving anything."""

Number = TypeVar("Number", np.int32, np.float64)


class SessionCache:
    """Raw bars of sessions, of about `byte_limit` bytes; what was put in or gathered longest ago leaves first.

    What is pinned stays, and so does what was put in last: the bound is the limit, the windows in use, and one session.
    Without pins a window larger than the limit would push itself out for ever.

    A row is (symbol, field): a symbol's bar lies in one place, which is what cutting blocks is fast by.
    A session that is not in here was not fetched, or left; a NaN in a session that is in here is a day without a trade.

    Safe for threads: blocks are cut in threads of their own, while the event loop puts sessions in and lets them go.

    Attributes:
        byte_limit: bytes of rows above which sessions leave.
        byte_count: bytes of the rows that are here.
        eviction_count: sessions that left for others so far.
    """

    def __init__(self, byte_limit: int) -> None:
        self.byte_limit = byte_limit
        self.byte_count = 0
        self.eviction_count = 0
        self._lock = Lock()
        self._rows: OrderedDict[date, NDArray[np.float64]] = OrderedDict()
        self._numbers: dict[date, int] = {}
        self._put_count = 0
        self._pins: Counter[date] = Counter()

    def __contains__(self, session: date) -> bool:
        return session in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"SessionCache({len(self._rows)} sessions, {self.byte_count} of {self.byte_limit} bytes)"

    @contextmanager
    def pinned(self, sessions: Sequence[date]) -> Iterator[None]:
        """Keep `sessions` from leaving, those too that are put in meanwhile; pins are counted."""
        with self._lock:
            self._pins.update(sessions)
        try:
            yield
        finally:
            with self._lock:
                self._pins -= Counter(sessions)
                self._evict()

    def put(self, session: SessionBars) -> None:
        """Keep a session's bars, in place of what was there."""
        width = int(session.columns.max(initial=-1)) + 1 + GROWTH
        row = np.empty((width, len(FIELDS)))
        # Read-only, in C order: one type, which the kernel is compiled for, whatever the bars were made from.
        fill_row(_frozen(session.columns), _frozen(session.bars), row)
        with self._lock:
            self._replace(session.session, row)
            self._evict(session.session)

    def drop(self, session: date) -> None:
        """Forget a session, unless it is pinned."""
        with self._lock:
            row = None if self._pins[session] else self._rows.pop(session, None)
            self.byte_count -= 0 if row is None else row.nbytes

    def gather(self, sessions: Sequence[date], columns: NDArray[np.int32]) -> NDArray[np.float64]:
        """Copy the bars of some symbols over some sessions.

        Args:
            sessions: ascending; one that is not here gives NaN.
            columns: (symbol,) int32, numbers of the symbols in the index.

        Returns:
            (field, session, symbol) float64, raw; NaN = no bar.
        """
        return cut(self.rows(sessions), columns)

    def rows(self, sessions: Sequence[date]) -> list[NDArray[np.float64] | None]:
        """Return the row of each session, for `cut`; None for one that is not here.

        Nobody writes to a row: a session that comes again is a new one.
        """
        with self._lock:
            return [self._used(session) for session in sessions]

    def numbers(self, sessions: Sequence[date]) -> tuple[int, ...]:
        """Return the number of each session's row: every `put` makes a new one, and 0 is a session that is not here."""
        with self._lock:
            return tuple(self._numbers[session] if session in self._rows else 0 for session in sessions)

    def dollar_volumes(self, session: date, count: int) -> NDArray[np.float64]:
        """Return (symbol,) float64: close x volume of a session, USD, of the first `count` symbols; 0 without a bar."""
        with self._lock:
            row = self._used(session)
        if row is None:
            return np.zeros(count)
        row = _widened(row, count - 1)[:count]
        volumes: NDArray[np.float64] = np.nan_to_num(row[:, 3] * row[:, 4])
        return volumes

    def _used(self, session: date) -> NDArray[np.float64] | None:
        """Return the row of a session, which is now the last one used."""
        row = self._rows.get(session)
        if row is not None:
            self._rows.move_to_end(session)
        return row

    def _replace(self, session: date, row: NDArray[np.float64]) -> None:
        before = self._rows.get(session)
        self.byte_count += row.nbytes - (0 if before is None else before.nbytes)
        self._rows[session] = row
        self._rows.move_to_end(session)
        self._put_count += 1
        self._numbers[session] = self._put_count

    def _evict(self, newest: date | None = None) -> None:
        """Let sessions go until the rest is within the limit; `newest` was just put in, and somebody waits for it."""
        for session in list(self._rows) if self.byte_count > self.byte_limit else ():
            if self._pins[session] == 0 and session != newest:
                self.byte_count -= self._rows.pop(session).nbytes
                self.eviction_count += 1
                if self.byte_count <= self.byte_limit:
                    return


def cut(rows: Sequence[NDArray[np.float64] | None], columns: NDArray[np.int32]) -> NDArray[np.float64]:
    """Copy the bars of some symbols out of some rows: (field, session, symbol); NaN where there is no row."""
    bars = np.empty((len(FIELDS), len(rows), len(columns)))
    for place, row in enumerate(rows):
        if row is None:
            bars[:, place] = np.nan
        else:
            copy_row(row, columns, bars, place)
    return bars


@njit(cache=True, nogil=True)
def copy_row(row: NDArray[np.float64], columns: NDArray[np.int32], bars: NDArray[np.float64], place: int) -> None:
    """Copy the bars of some symbols of one session to where they belong in a block; in compiled code, without the GIL.

    Args:
        row: (symbol, field) float64.
        columns: (symbol,) int32; one outside of the row has no bar: NaN.
        bars: (field, session, symbol) float64, written at session `place`.
        place: of the session.
    """
    for symbol in range(columns.size):
        column = columns[symbol]
        inside = column < row.shape[0]
        for field in range(_FIELD_COUNT):
            bars[field, place, symbol] = row[column, field] if inside else np.nan


@njit(cache=True, nogil=True)
def fill_row(columns: NDArray[np.int32], bars: NDArray[np.float64], row: NDArray[np.float64]) -> None:
    """Write the bars of a session into a row, and NaN everywhere else; in compiled code, without the GIL.

    Args:
        columns: (bar,) int32, read-only, inside of the row.
        bars: (field, bar) float64, read-only.
        row: (symbol, field) float64.
    """
    row[:] = np.nan
    for bar in range(columns.size):
        for field in range(_FIELD_COUNT):
            row[columns[bar], field] = bars[field, bar]


def warm() -> None:
    """Load or compile what copies bars, which takes a second once and must not happen in a call."""
    columns, row = np.zeros(1, np.int32), np.zeros((1, _FIELD_COUNT))
    fill_row(_frozen(columns), _frozen(row.T), row)
    copy_row(row, columns, np.empty((_FIELD_COUNT, 1, 1)), 0)


def _frozen(array: NDArray[Number]) -> NDArray[Number]:
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _widened(row: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    """Return the row, or a wider copy of it if `column` lies outside; what it adds is NaN."""
    missing = column + 1 - len(row)
    return row if missing <= 0 else np.pad(row, ((0, missing + GROWTH), (0, 0)), constant_values=np.nan)
