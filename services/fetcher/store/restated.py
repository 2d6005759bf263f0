"""Which symbols the provider restated since a window of sessions was first complete: their bars, or their splits.

A window is complete once all its sessions are stored: from then on a scan as of its last session says the same, but for
what is found here. Splits that come the same evening came with the window: they are asked for beside the bars.
"""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from services.fetcher.store.layout import intact
from services.market.sessions import NEW_YORK, close_time, last_completed, to_day_number


class Restatements:
    """Looks into the sessions, revisions and splits of a store; what is damaged there is left out.

    Args:
        db: the store.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __repr__(self) -> str:
        return "Restatements()"

    def since_complete(self, first: date, as_of: date) -> tuple[NDArray[np.int32], frozenset[str]]:
        """Return whose bars, and whose splits, are others than when a window was first complete.

        Args:
            first: the first session of the window.
            as_of: the last one.

        Returns:
            (symbol,) int32, the store's numbers of the symbols with other bars; and the symbols with other splits.
        """
        days = (to_day_number(first), to_day_number(as_of))
        closed = int(close_time(as_of).timestamp())
        bars, splits = tuple(self._bars(days, closed)), tuple(self._splits(days, closed))
        complete = self._complete_at(days) if bars or splits else None
        if complete is None:
            return np.empty(0, np.int32), frozenset()
        changed = [numbers for seen_at, numbers in bars if seen_at > complete]
        newest = _newest(complete)
        late = frozenset(
            symbol
            for symbol, first_seen, withdrawn_at in splits
            if _was_known(first_seen, withdrawn_at, newest) == bool(withdrawn_at)
        )
        return np.unique(np.concatenate([np.empty(0, np.int32), *changed])), late

    def _complete_at(self, days: tuple[int, int]) -> int | None:
        """Return when the last of the sessions came, seconds since 1970; None without any."""
        found = self._db.execute("SELECT max(first_seen) FROM sessions WHERE day BETWEEN ? AND ?", days).fetchone()
        return None if found[0] is None else int(found[0])

    def _bars(self, days: tuple[int, int], after: int) -> Iterator[tuple[int, NDArray[np.int32]]]:
        """Give the time of each revision after a time, and the numbers of its symbols."""
        query = "SELECT * FROM revisions WHERE day BETWEEN ? AND ? AND seen_at > ?"
        for *row, expected in self._db.execute(query, (*days, after)).fetchall():
            if intact(expected, *row):
                yield row[2], np.frombuffer(row[3], "<i4")

    def _splits(self, days: tuple[int, int], after: int) -> Iterator[tuple[str, int, int]]:
        """Give symbol, first_seen and withdrawn_at of each split inside of the window that changed after a time."""
        query = "SELECT * FROM splits WHERE day > ? AND day <= ? AND max(first_seen, withdrawn_at) > ?"
        for *row, expected in self._db.execute(query, (*days, after)).fetchall():
            if intact(expected, *row):
                yield row[1], row[5], row[6]


def _newest(seconds: int) -> date:
    return last_completed(datetime.fromtimestamp(seconds, NEW_YORK))


def _was_known(first_seen: int, withdrawn_at: int, newest: date) -> bool:
    """Tell whether a split was listed while `newest` was the newest session."""
    return _newest(first_seen) <= newest and not (withdrawn_at and _newest(withdrawn_at) <= newest)
