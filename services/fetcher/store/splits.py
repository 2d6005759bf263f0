"""The splits of a store, each with the time when it was first seen, and when the provider took it back."""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec

from services.fetcher.store.layout import DamagedRowError, checksum, intact
from services.market.adjust import Split
from services.market.sessions import from_day_number, to_day_number

SPLITS: Final = "splits"
"""The question under which it is kept which splits are current, since when."""
CURRENT: Final = 0
"""`withdrawn_at` of a split that the provider lists."""
WITHDRAWN_ROWS: Final = 10_000
"""Splits that the provider took back are kept up to so many, the newest ones."""
_COLUMNS: Final = "id, symbol, day, ratio_from, ratio_to, first_seen, withdrawn_at"


class _Known(msgspec.Struct, array_like=True):
    """The splits from `first` on are all there; `total` is the checksum over the checksums of all current ones."""

    first: int
    total: int


@dataclass(frozen=True, slots=True)
class KnownSplits:
    """Splits that the provider listed.

    Attributes:
        newest: the newest session at that time.
        first: the first day from which on all are here.
        splits: executing on or after `first`.
    """

    newest: date
    first: date
    splits: tuple[Split, ...]


class StoreSplits:
    """The table of splits.

    Args:
        db: the store.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __repr__(self) -> str:
        return "StoreSplits()"

    def read(self, newest: date, body: bytes) -> KnownSplits:
        """Return the current splits.

        Args:
            newest: session of the answer `SPLITS`.
            body: of that answer.

        Raises:
            DamagedRowError: they are not those of the answer: a row is damaged or lost.
        """
        try:
            known = msgspec.msgpack.decode(body, type=_Known)
        except msgspec.DecodeError as error:
            raise DamagedRowError(f"the answer says something else: {error}") from error
        query = f"SELECT {_COLUMNS}, checksum FROM splits WHERE withdrawn_at = ? ORDER BY id"  # noqa: S608 - constants
        rows = self._db.execute(query, (CURRENT,)).fetchall()
        if not all(intact(row[-1], *row[:-1]) for row in rows) or known.total != self._total():
            raise DamagedRowError("a split is damaged or lost")
        splits = tuple(Split(*row[1:5]) for row in rows if row[2] >= known.first)
        return KnownSplits(newest, from_day_number(known.first), splits)

    def write(self, first: date, splits: Collection[Split], seen_at: int) -> bytes:
        """Take over what the provider lists from a day on: what is new is first seen now, what is gone was taken back.

        Called inside a transaction.

        Returns:
            the body of the answer `SPLITS`.
        """
        day, listed = to_day_number(first), set(splits)
        kept: set[Split] = set()
        query = f"SELECT {_COLUMNS}, checksum FROM splits WHERE withdrawn_at = ?"  # noqa: S608 - constants
        for number, *values, expected in self._db.execute(query, (CURRENT,)).fetchall():
            split = Split(*values[:4]) if intact(expected, number, *values) else None
            if split is None:
                self._db.execute("DELETE FROM splits WHERE id = ?", (number,))
            elif split in listed or split.session_day < day:
                kept.add(split)
            else:
                withdrawn = (number, *values[:5], seen_at)
                self._db.execute(
                    "UPDATE splits SET withdrawn_at = ?, checksum = ? WHERE id = ?",
                    (seen_at, checksum(*withdrawn), number),
                )
        new = [(s.symbol, s.session_day, float(s.ratio_from), float(s.ratio_to)) for s in sorted(listed - kept)]
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM splits").fetchone()
        rows = [(number, *row, seen_at, CURRENT) for number, row in enumerate(new, start=last + 1)]
        self._db.executemany(
            f"INSERT INTO splits ({_COLUMNS}, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
            [(*row, checksum(*row)) for row in rows],
        )
        self._db.execute(
            "DELETE FROM splits WHERE id <= "
            "(SELECT id FROM splits WHERE withdrawn_at <> 0 ORDER BY id DESC LIMIT 1 OFFSET ?) AND withdrawn_at <> 0",
            (WITHDRAWN_ROWS,),
        )
        return msgspec.msgpack.encode(_Known(day, self._total()))

    def _total(self) -> int:
        query = "SELECT checksum FROM splits WHERE withdrawn_at = ? ORDER BY id"
        return checksum(*(total for (total,) in self._db.execute(query, (CURRENT,))))
