"""L2: raw bars on disk, and the provider's other answers, so that nothing is asked for twice.

All work on the file is done in one thread of its own, in the order in which it was asked for. What is kept is written
behind: nobody waits for the disk but `flush`. A store that cannot be used costs calls to the provider, never a scan.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Final, TypeVar

import structlog

from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import DamagedRowError, Place, error_name
from services.fetcher.store.splits import KnownSplits
from services.fetcher.symbols import SymbolIndex
from services.fetcher.window import HISTORY_LIMIT
from services.market.adjust import Split
from services.market.errors import LocalDataError
from services.market.sessions import LAST

PENDING: Final = 64
"""Writes that may wait for the disk; who comes with one more waits, too."""
CLOSE_S: Final = 5.0
"""Seconds that writes get at the end."""

T = TypeVar("T")


class Store:
    """Sessions and answers on disk. Until `open` found it a place it holds nothing and forgets everything.

    Args:
        index: numbers of the symbols in what is kept and given back.
        retention: sessions that are kept at most; the oldest leave first.
        clock: tells now as the provider's calendar has it, seconds since 1970.
    """

    def __init__(
        self, index: SymbolIndex, retention: int = HISTORY_LIMIT, clock: Callable[[], float] = time.time
    ) -> None:
        self._index = index
        self.retention = retention
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._room = asyncio.Semaphore(PENDING)
        self._writes: set[asyncio.Future[None]] = set()
        self._floors: list[date] = []
        self._sessions: frozenset[date] = frozenset()
        self._opened: StoreFile | None = None
        self._file: StoreFile | None = None
        self._absence = "the fetcher keeps no store: FETCHER_STORE_PATH is empty, or bars come from files"
        self._failed = False
        self._place: Place | None = None

    def __repr__(self) -> str:
        return f"Store({len(self._sessions)} sessions, {self._file!r})"

    def __contains__(self, session: date) -> bool:
        return session in self._sessions

    @property
    def session_count(self) -> int:
        """Sessions that are kept."""
        return len(self._sessions)

    @property
    def name(self) -> str:
        """Name of the store in use, which tells its market and its layout; empty without one."""
        return self._place.fingerprint if self._file is not None and self._place is not None else ""

    @property
    def is_writing(self) -> bool:
        """Whether there is something yet to be written."""
        return bool(self._writes)

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
            self._file, self._place = self._opened, place
            await self.refresh()
        except (sqlite3.Error, OSError) as error:
            self._give_up(f"the store {place.path} cannot be used: {error}")

    async def refresh(self) -> None:
        """Take note of what other processes added; costs next to nothing if they did not."""
        # Behind our own writes it would wait; they tell what they add themselves.
        if not self._writes:
            found = await self.use(lambda file: file.sessions() if file.changed() else None)
            if found is not None:
                self._sessions = frozenset(found)

    async def session(self, session: date) -> SessionBars | None:
        """Return the bars of a session; None if it is not here, or damaged."""
        if session not in self._sessions:
            await self.refresh()
        if session not in self._sessions:
            return None
        found = await self.use(lambda file: file.read(session))
        if found is None:
            self._sessions -= {session}
        return found

    async def answer(self, question: str) -> tuple[date, bytes] | None:
        """Return the newest session at the time of an answer, and the answer; None without one."""
        return await self.use(lambda file: file.answer(question))

    async def splits(self) -> KnownSplits | None:
        """Return the splits that the provider listed last; None without any."""
        return await self.use(StoreFile.splits)

    async def keep(self, bars: SessionBars) -> None:
        """Have a session written; it is here once it is on disk. One that would be the first to leave is not kept."""
        if len(self._sessions) >= self.retention and bars.session < min((*self._sessions, *self._floors)):
            return
        seen_at = self._clock()

        def write(file: StoreFile) -> tuple[date, ...] | None:
            file.write(bars, seen_at)
            # What is written but not noted yet counts, too.
            if len(self._sessions) + PENDING < self.retention:
                return None
            file.prune(self.retention, min(self._floors, default=LAST))
            return file.sessions()

        await self._write(write, bars.session)

    async def keep_answer(self, question: str, newest: date, body: bytes) -> None:
        """Have an answer written in place of the one before."""
        await self._write(lambda file: file.write_answer(question, newest, body))

    async def keep_splits(self, newest: date, first: date, splits: Collection[Split]) -> None:
        """Have the splits written that the provider lists from `first` on; see `StoreFile.write_splits`."""
        seen_at = self._clock()
        await self._write(lambda file: file.write_splits(newest, first, splits, seen_at))

    async def restate(self, bars: SessionBars) -> int | None:
        """Put a session in place of the one that is here; see `StoreFile.restate`."""
        seen_at = self._clock()
        return await self.use(lambda file: file.restate(bars, seen_at))

    async def restated(self, first: date, as_of: date) -> frozenset[str]:
        """Return the symbols that the provider restated since the window was first complete; none without a store."""
        return await self.use(lambda file: file.restated(first, as_of)) or frozenset()

    async def provisional(self) -> tuple[date, ...]:
        """Return the sessions that the provider may have changed since they came; see `StoreFile.provisional`."""
        now = self._clock()
        return await self.use(lambda file: file.provisional(now)) or ()

    @contextmanager
    def protected(self, first: date) -> Iterator[None]:
        """Keep the sessions from `first` on, however many, as long as the block lasts."""
        self._floors.append(first)
        try:
            yield
        finally:
            self._floors.remove(first)

    async def flush(self) -> None:
        """Wait until all is written that was to be kept.

        Raises:
            LocalDataError: it cannot be.
        """
        while self._writes:
            await asyncio.wait(self._writes)
        self.require()

    async def recount(self) -> None:
        """Take note of what is left after rows were put aside."""
        self._sessions = frozenset(await self.use(StoreFile.sessions) or ())

    async def use(self, work: Callable[[StoreFile], T]) -> T | None:
        """Do work on the file, in its turn; None if there is none, or if what was asked for is damaged."""
        file = self._file
        if file is None:
            return None
        try:
            return await self._run(lambda: work(file))
        except DamagedRowError as error:
            structlog.get_logger().warning("store_row_damaged", row=str(error))
            await self.recount()
        except (sqlite3.Error, OSError) as error:
            if error_name(error) == "SQLITE_BUSY":
                # Another process writes for long: what was to be written is fetched again another time.
                structlog.get_logger().warning("store_busy")
            else:
                self._give_up(f"the store cannot be read or written: {error}")
        return None

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

    async def _write(self, work: Callable[[StoreFile], tuple[date, ...] | None], session: date | None = None) -> None:
        """Have work done that adds a session, if it does; it returns the sessions there are if it took others away."""
        if self._file is None:
            return
        await self._room.acquire()
        write = asyncio.ensure_future(self._written(work, session))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)

    async def _written(self, work: Callable[[StoreFile], tuple[date, ...] | None], session: date | None) -> None:
        try:
            # Not only whether it was done: `None` is also what `use` says of a failure.
            done = await self.use(lambda file: (work(file),))
            if done is None:
                return
            if done[0] is not None:
                self._sessions = frozenset(done[0])
            elif session is not None:
                self._sessions |= {session}
        finally:
            self._room.release()

    def _give_up(self, why: str) -> None:
        """Go on with memory alone; said once."""
        if not self._failed:
            structlog.get_logger().error("store_failed", error=why)
        self._failed, self._absence, self._file, self._sessions = True, why, None, frozenset()
