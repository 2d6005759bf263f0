"""What bars were before the provider changed them: one row for each time that a session came with other bars."""

import sqlite3
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.fetcher.store.layout import checksum, intact
from services.market.panel import FIELDS

KEPT_PER_SESSION: Final = 8
"""Revisions of a session that are kept, the newest ones; a provider restates a session once or twice."""


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Bars of a session by numbers of symbols: (bar,) int32, and (field, bar) float64, raw."""

    numbers: NDArray[np.int32]
    bars: NDArray[np.float64]


def changed(old: Numbered, new: Numbered) -> Numbered:
    """Return the old bars that are not the same bit for bit in `new`; NaN where there was none."""
    width = int(max(old.numbers.max(initial=-1), new.numbers.max(initial=-1))) + 1
    before, after = (np.full((len(FIELDS), width), np.nan) for _ in range(2))
    before[:, old.numbers] = old.bars
    after[:, new.numbers] = new.bars
    numbers = np.flatnonzero((before.view(np.int64) != after.view(np.int64)).any(axis=0)).astype(np.int32)
    return Numbered(numbers, before[:, numbers])


class Revisions:
    """The table of what bars were.

    A row holds numbers of the symbols, int32; when each of these bars was first seen, int64 seconds since 1970; the
    bars, (field, bar) float64, NaN where there was none; and when the other bars came. All little-endian.

    Args:
        db: the store.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __repr__(self) -> str:
        return f"Revisions({self.bar_count} bars)"

    @property
    def bar_count(self) -> int:
        """Bars that were changed."""
        found = self._db.execute("SELECT coalesce(sum(length(numbers)), 0) / 4 FROM revisions").fetchone()
        return int(found[0])

    def add(self, day: int, old: Numbered, first_seen: int, seen_at: int) -> None:
        """Keep bars that others have taken the place of. Called inside a transaction.

        Args:
            day: of the session, days since 1970-01-01.
            old: the bars.
            first_seen: when the session was first seen, seconds since 1970.
            seen_at: when the other bars came.
        """
        seen = self._first_seen(day, old, first_seen)
        blobs = (old.numbers.astype("<i4").tobytes(), seen.astype("<i8").tobytes(), old.bars.astype("<f8").tobytes())
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM revisions").fetchone()
        row = (last + 1, day, seen_at, *blobs)
        self._db.execute(
            "INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*row, checksum(*row)),
        )
        self._db.execute(
            "DELETE FROM revisions WHERE day = ?1 AND id <= "
            "(SELECT id FROM revisions WHERE day = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (day, KEPT_PER_SESSION),
        )

    def _first_seen(self, day: int, old: Numbered, first_seen: int) -> NDArray[np.int64]:
        """Return (bar,) when each bar came: with the session, or in place of an older one."""
        seen = np.full(len(old.numbers), first_seen, np.int64)
        query = "SELECT * FROM revisions WHERE day = ? ORDER BY id"
        for *row, expected in self._db.execute(query, (day,)).fetchall():
            if intact(expected, *row):
                seen[np.isin(old.numbers, np.frombuffer(row[3], "<i4"))] = row[2]
        return seen
