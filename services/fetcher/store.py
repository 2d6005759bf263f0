"""L2: raw bars on disk, and the provider's other answers, so that nothing is asked for twice.

All work on the file is done in one thread of its own, in the order in which it was asked for. What is kept is written
behind: nobody waits for the disk but `flush`. A store that cannot be used costs calls to the provider, never a scan.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

import structlog

from services.fetcher.source import SessionBars
from services.fetcher.store_file import Place, StoreFile
from services.fetcher.store_symbols import DamagedRowError
from services.fetcher.symbols import SymbolIndex
from services.market.errors import LocalDataError

PENDING: Final = 64
"""Writes that may wait for the disk; who comes with one more waits, too."""
CLOSE_S: Final = 5.0
"""Seconds that writes get at the end."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """What a store holds: its sessions ascending, symbols that have a bar in any of them, bytes on disk."""

    path: Path
    sessions: tuple[date, ...]
    symbol_count: int
    byte_count: int


class Store:
    """Sessions and answers on disk. Until `open` found it a place it holds nothing and forgets everything.

    Args:
        index: numbers of the symbols in what is kept and given back.
    """

    def __init__(self, index: SymbolIndex) -> None:
        self._index = index
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._room = asyncio.Semaphore(PENDING)
        self._writes: set[asyncio.Future[None]] = set()
        self._sessions: frozenset[date] = frozenset()
        self._opened: StoreFile | None = None
        self._file: StoreFile | None = None
        self._absence = "the fetcher keeps no store: FETCHER_STORE_PATH is empty, or bars come from files"
        self._failed = False

    def __repr__(self) -> str:
        return f"Store({len(self._sessions)} sessions, {self._file!r})"

    def __contains__(self, session: date) -> bool:
        return session in self._sessions

    def require(self) -> None:
        """Raise a LocalDataError that says why nothing is kept here, if that is so."""
        if self._file is None:
            raise LocalDataError(self._absence)

    async def open(self, place: Place) -> None:
        """Use the store at a place; one that cannot be opened or written is done without.

        Raises:
            LocalDataError: what lies there is another market's or version's store, or none.
        """
        try:
            self._opened = await self._run(lambda: StoreFile(place, self._index))
            self._sessions = frozenset(await self._run(self._opened.sessions))
            self._file = self._opened
        except (sqlite3.Error, OSError) as error:
            self._give_up(f"the store {place.path} cannot be used: {error}")

    async def session(self, session: date) -> SessionBars | None:
        """Return the bars of a session; None if it is not here, or damaged."""
        return await self._read(lambda file: file.read(session)) if session in self._sessions else None

    async def answer(self, question: str) -> tuple[date, bytes] | None:
        """Return the newest session at the time of an answer, and the answer; None without one."""
        return await self._read(lambda file: file.answer(question))

    async def keep(self, bars: SessionBars) -> None:
        """Have a session written; it is here once it is on disk."""
        seen = time.time()

        def write(file: StoreFile) -> None:
            file.write(bars, seen)

        await self._write(write, bars.session)

    async def keep_answer(self, question: str, newest: date, body: bytes) -> None:
        """Have an answer written in place of the one before."""
        await self._write(lambda file: file.write_answer(question, newest, body), None)

    async def flush(self) -> None:
        """Wait until all is written that was to be kept.

        Raises:
            LocalDataError: it cannot be.
        """
        while self._writes:
            await asyncio.wait(self._writes)
        self.require()

    async def status(self) -> StoreStatus:
        """Return what is here.

        Raises:
            LocalDataError: there is no store, or it cannot be read.
        """
        self.require()

        def look(file: StoreFile) -> StoreStatus:
            return StoreStatus(file.path, file.sessions(), file.symbol_count, file.byte_count)

        found = await self._read(look)
        if found is None:
            raise LocalDataError(self._absence)
        return found

    async def close(self) -> None:
        """Write what is waiting, as far as the disk lets us soon, and close the file."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                while self._writes:
                    await asyncio.wait(self._writes)
                if self._opened is not None:
                    await self._run(self._opened.close)
        self._opened = self._file = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _read(self, work: Callable[[StoreFile], T]) -> T | None:
        file = self._file
        if file is None:
            return None
        try:
            return await self._run(lambda: work(file))
        except DamagedRowError as error:
            structlog.get_logger().warning("store_row_damaged", row=str(error))
            self._sessions = frozenset(await self._read(StoreFile.sessions) or ())
        except (sqlite3.Error, OSError) as error:
            self._give_up(f"the store cannot be read: {error}")
        return None

    async def _write(self, work: Callable[[StoreFile], None], session: date | None) -> None:
        if self._file is None:
            return
        await self._room.acquire()
        write = asyncio.ensure_future(self._written(work, session))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    async def _written(self, work: Callable[[StoreFile], None], session: date | None) -> None:
        try:
            file = self._file
            if file is None:
                return
            await self._run(lambda: work(file))
            if session is not None:
                self._sessions |= {session}
        except DamagedRowError as error:
            structlog.get_logger().warning("store_row_damaged", row=str(error))
            self._sessions = frozenset(await self._read(StoreFile.sessions) or ())
        except sqlite3.Error as error:
            if error.sqlite_errorname == "SQLITE_BUSY":
                # Another process writes for long: this row is fetched again another time.
                structlog.get_logger().warning("store_busy", session=str(session))
            else:
                self._give_up(f"the store cannot be written: {error}")
        finally:
            self._room.release()

    def _give_up(self, why: str) -> None:
        """Go on with memory alone; said once."""
        if not self._failed:
            structlog.get_logger().error("store_failed", error=why)
        self._failed, self._absence, self._file, self._sessions = True, why, None, frozenset()
