"""The layout of a store's file: its tables, how it is opened, and what makes a row whole."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from isal import isal_zlib

from services.market.errors import LocalDataError

SCHEMA: Final = 2
"""Version of the layout below; a store of another one is refused."""
BUSY_S: Final = 5.0
"""Seconds that a write waits for another process's."""
CORRUPT: Final = frozenset({"SQLITE_CORRUPT", "SQLITE_CORRUPT_VTAB", "SQLITE_NOTADB"})
"""Names of the errors with which SQLite says that the file is damaged."""

# Large pages for large rows. With a write-ahead log, a commit needs no fsync to survive the end of the process, and
# readers never wait; the log is folded into the file after 16 MiB. Pages that deleted rows leave are used again.
_PRAGMAS: Final = ("page_size = 65536", "journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 256")
_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS symbols (first INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, names BLOB NOT NULL,
  checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sessions (day INTEGER PRIMARY KEY, first_seen INTEGER NOT NULL, seen_at INTEGER NOT NULL,
  epoch INTEGER NOT NULL, checksum INTEGER NOT NULL, numbers BLOB NOT NULL, bars BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS revisions (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, seen_at INTEGER NOT NULL,
  numbers BLOB NOT NULL, first_seen BLOB NOT NULL, bars BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS splits (id INTEGER PRIMARY KEY, symbol TEXT NOT NULL, day INTEGER NOT NULL,
  ratio_from REAL NOT NULL, ratio_to REAL NOT NULL, first_seen INTEGER NOT NULL, withdrawn_at INTEGER NOT NULL,
  checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS answers (question TEXT PRIMARY KEY, newest INTEGER NOT NULL, checksum INTEGER NOT NULL,
  body BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (id INTEGER PRIMARY KEY, name TEXT NOT NULL, found_at INTEGER NOT NULL,
  damage TEXT NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
COMMIT;
"""


class DamagedRowError(Exception):
    """A row no longer says what was written; it is put aside now, and can be fetched again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store lies, and whose bars it holds: only bars of the same market have the same fingerprint."""

    path: Path
    fingerprint: str


def connect(path: Path) -> sqlite3.Connection:
    """Open a file; it commits nothing by itself. Text that a flipped bit made unreadable is read as other text."""
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return db


def prepare(db: sqlite3.Connection, place: Place) -> None:
    """Make the tables, and check whose they are.

    Raises:
        LocalDataError: another market's or version's.
        sqlite3.Error: it cannot be read or written.
    """
    for pragma in _PRAGMAS:
        db.execute(f"PRAGMA {pragma}")
    if db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0]:
        # Before anything is changed: an older store may have other tables.
        _require_own(db, place)
    db.executescript(_TABLES)
    with transaction(db):
        own = {"schema": str(SCHEMA), "fingerprint": place.fingerprint, "epoch": "1"}
        db.executemany("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING", own.items())
    _require_own(db, place)


def _require_own(db: sqlite3.Connection, place: Place) -> None:
    found = dict(db.execute("SELECT name, value FROM meta"))
    for name, value in (("schema", str(SCHEMA)), ("fingerprint", place.fingerprint)):
        if found.get(name, value) != value:
            raise LocalDataError(
                f"the store {place.path} has {name} {found[name]}, not {value}: "
                "move it away, or choose another place by --home or FETCHER_STORE_PATH"
            )


def stored_place(path: Path) -> Place:
    """Return the place of a store that lies at a path already, with the fingerprint that it says.

    Raises:
        LocalDataError: there is no store.
    """
    if not path.is_file():
        raise LocalDataError(f"there is no store {path} on this machine")
    db = connect(path)
    try:
        found = db.execute("SELECT value FROM meta WHERE name = 'fingerprint'").fetchone()
    except sqlite3.DatabaseError as error:
        raise LocalDataError(f"{path} is no store of bars: {error}") from error
    finally:
        db.close()
    if found is None:
        raise LocalDataError(f"{path} is no store of bars: it does not say whose")
    return Place(path, found[0])


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, or nothing of it; a block inside of another one belongs to that."""
    inner = db.in_transaction
    if inner:
        yield
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def error_name(error: Exception) -> str:
    """Return SQLite's name of an error; empty for one of Python's own."""
    return getattr(error, "sqlite_errorname", "")


def checksum(*parts: float | str | bytes) -> int:
    """Return the CRC-32 of some numbers, texts and bytes."""
    value = 0
    for part in parts:
        value = isal_zlib.crc32(_bytes(part), value)
    return value


def intact(expected: object, *parts: object) -> bool:
    """Tell whether values as they were read have the checksum that was read with them; damage may change any type."""
    known = [part for part in parts if isinstance(part, int | float | str | bytes)]
    return len(known) == len(parts) and checksum(*known) == expected


def _bytes(part: float | str | bytes) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, int):
        return part.to_bytes(8, "little", signed=True)
    return (part if isinstance(part, str) else part.hex()).encode()
