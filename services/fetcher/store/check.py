"""Finds the damaged rows of a store and puts them aside."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from services.fetcher.store.layout import CORRUPT, connect, error_name, intact, transaction
from services.fetcher.store.quarantine import Quarantine, QuarantinedRow
from services.fetcher.store.splits import SPLITS
from services.market.sessions import FIRST, LAST, from_day_number, is_session, to_day_number

WRONG_CHECKSUM: Final = "its checksum is not that of its content"
META: Final = frozenset({"schema", "fingerprint", "epoch"})


@dataclass(frozen=True, slots=True)
class Key:
    """A row: its table, and the value of the table's key."""

    table: str
    value: int | str

    @property
    def session(self) -> date | None:
        """The session whose row this is; None for other tables, and for a day that is none."""
        if self.table != "sessions" or not isinstance(self.value, int):
            return None
        day = self.value if to_day_number(FIRST) <= self.value <= to_day_number(LAST) else None
        return from_day_number(day) if day is not None and is_session(from_day_number(day)) else None

    @property
    def name(self) -> str:
        """What the row is, for a person."""
        if self.session is not None:
            return self.session.isoformat()
        return str(self.value) if self.table == "answers" else f"{self.table} {self.value}"


@dataclass(frozen=True, slots=True)
class _Checked:
    """A table's key, and the columns that its checksum is made of, in their order."""

    key: str
    columns: tuple[str, ...]


# Sessions last: they take longest, and their symbols come first.
TABLES: Final[Mapping[str, _Checked]] = MappingProxyType(
    {
        "symbols": _Checked("first", ("first", "epoch", "names")),
        "splits": _Checked("id", ("id", "symbol", "day", "ratio_from", "ratio_to", "first_seen", "withdrawn_at")),
        "answers": _Checked("question", ("question", "newest", "body")),
        "revisions": _Checked("id", ("id", "day", "seen_at", "numbers", "first_seen", "bars")),
        "quarantine": _Checked("id", ("id", "name", "found_at", "damage", "body")),
        "sessions": _Checked("day", ("day", "first_seen", "seen_at", "epoch", "numbers", "bars")),
    }
)
"""Everything that has a checksum."""


class StoreCheck:
    """Reads rows with their checksums.

    Args:
        db: the store.
        quarantine: takes what is damaged.
    """

    def __init__(self, db: sqlite3.Connection, quarantine: Quarantine) -> None:
        self._db = db
        self._quarantine = quarantine

    def __repr__(self) -> str:
        return f"StoreCheck({self._quarantine!r})"

    def every_key(self) -> list[Key]:
        """Return the keys of all rows."""
        keys = [Key("meta", name) for (name,) in self._db.execute("SELECT name FROM meta")]
        for table, checked in TABLES.items():
            found = self._db.execute(f"SELECT {checked.key} FROM {table} ORDER BY 1")  # noqa: S608 - constants
            keys += [Key(table, value) for (value,) in found]
        return keys

    def read(self, key: Key, *, scan: bool = False) -> tuple[Any, ...] | None:
        """Return the columns of a row that its checksum is made of; None if it is not there, empty if it is damaged.

        Args:
            key: of the row.
            scan: whether the whole table is looked through: a row whose key was damaged lies out of order.
        """
        checked = TABLES[key.table]
        query = (
            f"SELECT {', '.join(checked.columns)}, checksum, {checked.key} FROM {key.table} "  # noqa: S608 - constants
            f"WHERE {'+' if scan else ''}{checked.key} = ?"
        )
        try:
            found = self._db.execute(query, (key.value,)).fetchone()
        except sqlite3.DatabaseError as error:
            if error_name(error) not in CORRUPT:
                raise
            return ()
        # Among rows that are out of order SQLite may hit upon another one.
        if found is None or found[-1] != key.value:
            return None
        return found[:-2] if intact(found[-2], *found[:-2]) else ()

    def put_aside(self, key: Key, damage: str, found_at: float) -> QuarantinedRow:
        """Move a row to the quarantine."""
        row = QuarantinedRow(key.name, int(found_at), damage)
        with transaction(self._db):
            self._quarantine.add(row, self._remains(key))
            self.delete(key)
        return row

    def delete(self, key: Key) -> None:
        """Remove a row, and with a split the word that all splits are here."""
        column = TABLES[key.table].key if key.table in TABLES else "name"
        # The plus has SQLite look at every row: this one may be out of order.
        self._db.execute(f"DELETE FROM {key.table} WHERE +{column} = ?", (key.value,))  # noqa: S608 - constants
        if key.table == "splits":
            self._db.execute("DELETE FROM answers WHERE question = ?", (SPLITS,))

    def _remains(self, key: Key) -> tuple[object, ...]:
        column = TABLES[key.table].key if key.table in TABLES else "name"
        try:
            found = self._db.execute(f"SELECT * FROM {key.table} WHERE +{column} = ?", (key.value,)).fetchone()  # noqa: S608
        except sqlite3.DatabaseError as error:
            if error_name(error) not in CORRUPT:
                raise
            return (str(error),)
        return tuple(found or ())


def flaws_of(path: Path) -> list[str]:
    """Return what SQLite finds wrong with the pages of a file, whoever uses it; empty if nothing is.

    Raises:
        sqlite3.Error: it cannot even be read.
    """
    with closing(connect(path)) as db:
        found = [str(said) for (said,) in db.execute("PRAGMA quick_check(5)")]
    return [] if found == ["ok"] else found
