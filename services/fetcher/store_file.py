"""The file of a store: SQLite, one row a session, one transaction a write. Blocking; for one thread.

A row holds the bars of a session as they came: numbers of the symbols, int32, and (field, bar) float64, little-endian.
The store numbers symbols by itself, append-only, so that processes may share it; on the way in and out they are mapped
to the columns of this process's `SymbolIndex`. Every row carries a checksum over all that it says.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import structlog

from services.fetcher.source import SessionBars
from services.fetcher.store_symbols import DamagedRowError, StoreSymbols, checksum, intact
from services.fetcher.symbols import SymbolIndex
from services.market.errors import LocalDataError
from services.market.panel import FIELDS
from services.market.sessions import FIRST, LAST, from_day_number, to_day_number

SCHEMA: Final = 1
"""Version of the layout below; a store of another one is refused."""
BUSY_S: Final = 5.0
"""Seconds that a write waits for another process's."""
# Large pages for large rows. With a write-ahead log, a commit needs no fsync to survive the end of the process, and
# readers never wait; the log is folded into the file after 16 MiB.
_PRAGMAS: Final = ("page_size = 65536", "journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 256")
_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS symbols (first INTEGER PRIMARY KEY, names BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sessions (day INTEGER PRIMARY KEY, first_seen INTEGER NOT NULL, numbers BLOB NOT NULL,
  bars BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS answers (question TEXT PRIMARY KEY, newest INTEGER NOT NULL, body BLOB NOT NULL,
  checksum INTEGER NOT NULL) STRICT;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store lies, and whose bars it holds: only bars of the same market have the same fingerprint."""

    path: Path
    fingerprint: str


class StoreFile:
    """An open store.

    Args:
        place: where it is; made, with its folders, if it is not there.
        index: gets the symbols of the store, and has the columns of what is read and written.

    Raises:
        LocalDataError: a store of another market or version, or no store at all.
        sqlite3.Error, OSError: it cannot be opened or written.
    """

    def __init__(self, place: Place, index: SymbolIndex) -> None:
        self._place = place
        place.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(place.path, timeout=BUSY_S, isolation_level=None)
        self._symbols = StoreSymbols(self._db, index)
        try:
            self._prepare()
            with contextlib.suppress(DamagedRowError), self._whole_symbols():
                self._symbols.learn()
        except sqlite3.DatabaseError as error:
            self._db.close()
            if error.sqlite_errorname in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
                raise LocalDataError(f"{place.path} is no store of bars ({error}): move it away") from None
            raise
        except BaseException:
            self._db.close()
            raise

    def __repr__(self) -> str:
        return f"StoreFile({self._place.path}, {self._place.fingerprint})"

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._place.path

    @property
    def symbol_count(self) -> int:
        """Symbols that have a bar in any session that was ever stored."""
        return len(self._symbols)

    @property
    def byte_count(self) -> int:
        """Size of the file and of its log."""
        path = self._place.path
        return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*") if file.suffix != ".sqlite3-shm")

    def sessions(self) -> tuple[date, ...]:
        """Return the sessions that are here, ascending."""
        # Within the calendar: a damaged day may be any number.
        bounds = (to_day_number(FIRST), to_day_number(LAST))
        days = self._db.execute("SELECT day FROM sessions WHERE day BETWEEN ? AND ? ORDER BY day", bounds)
        return tuple(from_day_number(day) for (day,) in days)

    def read(self, session: date) -> SessionBars | None:
        """Return the bars of a session; None if it is not here.

        Raises:
            DamagedRowError: the row was damaged, and dropped.
        """
        day = to_day_number(session)
        found = self._row("SELECT first_seen, numbers, bars, checksum FROM sessions WHERE day = ?", day)
        if found is None:
            return None
        first_seen, numbers, values, expected = found
        if not intact(expected, day, first_seen, numbers, values):
            self._drop("DELETE FROM sessions WHERE day = ?", day)
        with self._whole_symbols():
            columns = self._symbols.columns_of(np.frombuffer(numbers, "<i4"))
        return SessionBars(session, columns, np.frombuffer(values, "<f8").reshape(len(FIELDS), -1), 0)

    def write(self, bars: SessionBars, first_seen: float) -> None:
        """Add a session; one that is here stays as it is.

        Args:
            bars: of the session.
            first_seen: seconds since 1970 when they came.

        Raises:
            DamagedRowError: the symbols of the store were damaged: it is empty now.
        """
        values = np.ascontiguousarray(bars.bars, "<f8").tobytes()
        with self._whole_symbols(), self._transaction():
            numbers, names = self._symbols.numbered(bars.columns)
            row = (to_day_number(bars.session), int(first_seen), numbers.astype("<i4").tobytes(), values)
            self._db.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*row, checksum(*row))
            )
        # Only now are the new symbols there for sure.
        self._symbols.extend(names)

    def answer(self, question: str) -> tuple[date, bytes] | None:
        """Return the newest session at the time of an answer, and the answer; None if the question was never asked.

        Raises:
            DamagedRowError: the row was damaged, and dropped.
        """
        found = self._row("SELECT newest, body, checksum FROM answers WHERE question = ?", question)
        if found is None:
            return None
        newest, body, expected = found
        if not intact(expected, newest, question.encode(), body):
            self._drop("DELETE FROM answers WHERE question = ?", question)
        return from_day_number(newest), body

    def write_answer(self, question: str, newest: date, body: bytes) -> None:
        """Keep an answer in place of the one before."""
        day = to_day_number(newest)
        row = (question, day, body, checksum(day, question.encode(), body))
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the file; the last one to do so folds its log into it."""
        self._db.close()

    def _prepare(self) -> None:
        """Make the tables, and check whose they are."""
        for pragma in _PRAGMAS:
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_TABLES)
        own = {"schema": str(SCHEMA), "fingerprint": self._place.fingerprint}
        with self._transaction():
            self._db.executemany("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING", own.items())
        found = dict(self._db.execute("SELECT name, value FROM meta"))
        for name, value in own.items():
            if found[name] != value:
                raise LocalDataError(
                    f"the store {self._place.path} has {name} {found[name]}, not {value}: "
                    "move it away, or choose another place by --home or FETCHER_STORE_PATH"
                )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back already.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _whole_symbols(self) -> Iterator[None]:
        """Empty the store if its symbols are damaged: without them no session can be read."""
        try:
            yield
        except DamagedRowError:
            structlog.get_logger().warning("store_emptied", path=str(self._place.path))
            self._symbols.forget()
            with self._transaction():
                self._db.execute("DELETE FROM sessions")
                self._db.execute("DELETE FROM symbols")
            raise

    def _row(self, query: str, key: int | str) -> tuple[Any, ...] | None:
        try:
            return self._db.execute(query, (key,)).fetchone()  # type: ignore[no-any-return]  # sqlite3 says Any
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorname != "SQLITE_CORRUPT":
                raise
        # As good as a row of the wrong checksum.
        return (None,) * (query.count(",") + 1)

    def _drop(self, statement: str, key: int | str) -> NoReturn:
        with self._transaction():
            self._db.execute(statement, (key,))
        raise DamagedRowError(f"{self._place.path}: {statement.partition(' WHERE ')[2].replace('?', str(key))}")
