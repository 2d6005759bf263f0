"""Rows of the store that were found damaged: put aside, so that somebody can look at them, and bounded."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.fetcher.store.layout import DamagedRowError, checksum, transaction

KEPT_ROWS: Final = 100
"""Rows that are put aside at most; the oldest leaves first."""
KEPT_BYTES: Final = 16 << 20
"""Damaged bytes kept of all of them; of the oldest only what was wrong is kept beyond that."""


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A damaged row.

    Attributes:
        name: what it was: a session (its ISO date), or what else it said.
        found_at: seconds since 1970.
        damage: what is wrong with it.
    """

    name: str
    found_at: int
    damage: str


class PutAsideError(DamagedRowError):
    """A damaged row was put aside.

    Args:
        row: it.
        path: of the store.
    """

    def __init__(self, row: QuarantinedRow, path: Path) -> None:
        super().__init__(f"{path}: {row.name}: {row.damage}")
        self.row = row


class Quarantine:
    """The table of damaged rows.

    Args:
        db: the store.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __repr__(self) -> str:
        return "Quarantine()"

    def rows(self) -> tuple[QuarantinedRow, ...]:
        """Return what was put aside, the oldest first."""
        query = "SELECT name, found_at, damage FROM quarantine ORDER BY id"
        # A flipped bit may change any type; a check finds that.
        return tuple(
            QuarantinedRow(*row) for row in self._db.execute(query) if tuple(map(type, row)) == (str, int, str)
        )

    def add(self, row: QuarantinedRow, remains: Iterable[object]) -> None:
        """Put a row aside, with what could be read of it."""
        body = b"".join(_remain(part) for part in remains)
        body = body if len(body) <= KEPT_BYTES else b""
        with transaction(self._db):
            (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM quarantine").fetchone()
            said = (last + 1, row.name, row.found_at, row.damage)
            self._db.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?)", (*said, checksum(*said, body), body))
            self._db.execute(
                "DELETE FROM quarantine WHERE id <= (SELECT id FROM quarantine ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (KEPT_ROWS,),
            )
            self._strip()

    def _strip(self) -> None:
        """Keep the newest bytes only."""
        query = "SELECT id, coalesce(length(body), 0), name, found_at, damage FROM quarantine ORDER BY id DESC"
        total = 0
        for number, size, *said in self._db.execute(query).fetchall():
            total += size
            if size and total > KEPT_BYTES and tuple(map(type, said)) == (str, int, str):
                empty = checksum(number, *said, b"")
                self._db.execute("UPDATE quarantine SET body = x'', checksum = ? WHERE id = ?", (empty, number))


def _remain(part: object) -> bytes:
    return part if isinstance(part, bytes) else f"{part!r}\n".encode()
