"""An open store: whose it is, what is put aside, and its rows. Blocking; for one thread."""

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import structlog

from services.fetcher.store.check import WRONG_CHECKSUM, Key, StoreCheck
from services.fetcher.store.layout import (
    CORRUPT,
    DamagedRowError,
    Place,
    connect,
    error_name,
    prepare,
    transaction,
)
from services.fetcher.store.quarantine import PutAsideError, Quarantine, QuarantinedRow
from services.fetcher.store.symbols import StoreSymbols
from services.fetcher.symbols import SymbolIndex
from services.market.errors import LocalDataError


class StoreRows:
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
        self._db = connect(place.path)
        self._symbols = StoreSymbols(self._db, index)
        self._quarantine = Quarantine(self._db)
        self._check = StoreCheck(self._db, self._quarantine)
        self._version = -1
        try:
            prepare(self._db, place)
            with contextlib.suppress(DamagedRowError), self._whole_symbols():
                self._symbols.learn()
        except sqlite3.DatabaseError as error:
            self._db.close()
            if error_name(error) in CORRUPT:
                raise LocalDataError(f"{place.path} is no store of bars ({error}): move it away") from None
            raise
        except UnicodeDecodeError as error:
            # How SQLite's own words about a damaged schema fail to reach us.
            self._db.close()
            raise LocalDataError(f"{place.path} is no store of bars ({error}): move it away") from error
        except BaseException:
            self._db.close()
            raise

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place.path}, {self._place.fingerprint})"

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._place.path

    @property
    def byte_count(self) -> int:
        """Size of the file and of its log."""
        path = self._place.path
        return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*") if file.suffix != ".sqlite3-shm")

    def quarantined(self) -> tuple[QuarantinedRow, ...]:
        """Return the rows that were found damaged, the oldest first."""
        return self._quarantine.rows()

    def changed(self) -> bool:
        """Tell whether another process wrote since this was last asked; true the first time."""
        before, self._version = self._version, int(self._db.execute("PRAGMA data_version").fetchone()[0])
        return before != self._version

    def every_key(self) -> list[Key]:
        """Return all rows that `check` can look at."""
        return self._check.every_key()

    def close(self) -> None:
        """Close the file; the last one to do so folds its log into it."""
        self._db.close()

    @contextmanager
    def _whole_symbols(self) -> Iterator[None]:
        """Empty the store if its symbols are damaged: without them no session can be read."""
        try:
            yield
        except PutAsideError:
            raise
        except DamagedRowError as error:
            structlog.get_logger().warning("store_emptied", path=str(self.path), why=str(error))
            row = QuarantinedRow("symbols", int(time.time()), f"{error}: the store was emptied")
            with transaction(self._db):
                remains = self._db.execute("SELECT names FROM symbols ORDER BY first").fetchall()
                self._quarantine.add(row, [names for (names,) in remains])
                for table in ("sessions", "revisions", "symbols"):
                    self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
                # Others may still have the old numbers in mind.
                epoch = str(secrets.randbits(48))
                self._db.execute("INSERT OR REPLACE INTO meta VALUES ('epoch', ?)", (epoch,))
            self._symbols.forget()
            raise PutAsideError(row, self.path) from error

    def _row(self, key: Key, *, scan: bool = False) -> tuple[Any, ...] | None:
        """Return the columns of a row; None if it is not there. Arguments as of `StoreCheck.read`.

        Raises:
            PutAsideError: it was damaged.
        """
        found = self._check.read(key, scan=scan)
        if found == ():
            self._put_aside(key, WRONG_CHECKSUM)
        if found and key.table == "sessions":
            with self._whole_symbols():
                known = self._symbols.knows(found[3])
            if not known:
                self._put_aside(key, "it is of symbols that are lost")
        return found

    def _put_aside(self, key: Key, damage: str) -> NoReturn:
        raise PutAsideError(self._check.put_aside(key, damage, time.time()), self.path)
