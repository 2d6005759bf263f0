"""The core of the fetcher: which session a request means, which symbols there are, and streams of their bars."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Final

from services.fetcher.activity import Activity
from services.fetcher.bar_stream import BarStreams
from services.fetcher.blocks import Blocks
from services.fetcher.cache import SessionCache
from services.fetcher.plan import plan_fetch
from services.fetcher.reference.details import DetailsBook
from services.fetcher.reference.details_filler import DetailsFiller
from services.fetcher.reference.reference import Reference
from services.fetcher.reference.symbol_list import Listed, SymbolList
from services.fetcher.running import RunningBars
from services.fetcher.sent import SentBlocks
from services.fetcher.series import SymbolSeries
from services.fetcher.split_check import NEVER_RESTATED, SplitCheck
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.store.sync import StoreSync
from services.fetcher.stream_events import Emit, StreamRequest, StreamSummary
from services.fetcher.symbols import SymbolIndex
from services.fetcher.sync import SessionSync
from services.fetcher.timer import LoopTimer
from services.fetcher.warming import Warming
from services.fetcher.window import Window, session_of, sessions_of
from services.market import sessions as calendar
from services.market.errors import InvalidRequestError

OLDER_SESSIONS: Final = 5
"""Sessions by which the newest one at hand may be older than the newest one, while the provider is down."""
CONTEXT_COUNT: Final = 10
"""Symbols that a request has beside those of a scan: the ETFs that tell of the market as a whole, roughly."""


@dataclass(slots=True)
class HitCounts:
    """Sessions that requests found in memory, in the store, or had to ask for; since the start."""

    memory: int = 0
    store: int = 0
    missed: int = 0

    def add(self, summary: StreamSummary) -> None:
        """Count what a stream found."""
        self.memory += len(summary.holding.memory)
        self.store += len(summary.holding.stored)
        self.missed += len(summary.holding.missing)


class Bars:
    """Adjusted bars of any symbols over any window, from L1 or from the source.

    Args:
        source: where raw bars come from, through the store; shared with `index`.
        index: numbers of the symbols in `cache`.
        cache: L1.
        store: L2.
        early_sessions: without so many of the newest sessions there is nothing to send.
        clock: tells now, as an aware time.

    Attributes:
        cache: L1.
        counts: how often sessions were there.
        stored: brings bars into the store and tells what is there.
        activity: to be told of all that somebody waits for.
        details: what single calls told of symbols.
        filler: asks for more of them in the background.
        warming: brings bars into L1 ahead of scans.
    """

    def __init__(
        self,
        source: StoredSource,
        index: SymbolIndex,
        cache: SessionCache,
        store: Store,
        *,
        early_sessions: int,
        clock: Callable[[], datetime] = partial(datetime.now, calendar.NEW_YORK),  # noqa: B008 - a function
    ) -> None:
        self._source = source
        self.cache = cache
        self._sync = SessionSync(self._source, cache, early_sessions)
        self._reference = Reference(self._source)
        self.details = DetailsBook(store)
        self._symbols = SymbolList(self._reference, self._sync, index, cache, self._source, self.details)
        self._running = RunningBars(self._source, clock)
        self._check = SplitCheck(self._source, store, self._reference, index, cache)
        series = SymbolSeries(source)
        blocks = Blocks(index, cache)
        self._streams = BarStreams(
            source,
            cache,
            series,
            self._sync,
            self._symbols,
            self._reference,
            self._running,
            self._check,
            blocks,
            SentBlocks(),
            early_sessions,
        )
        self.counts = HitCounts()
        self.stored = StoreSync(self._source, store, self._sync, self._symbols, self._reference, self._check, cache)
        timer = LoopTimer()
        self.activity = Activity(timer)
        self.filler = DetailsFiller(source, self.details, self._symbols, self._sync, self.activity, timer)
        self.warming = Warming(
            source, self._sync, cache, self._symbols, self._reference, self._check, self.activity, timer
        )

    def __repr__(self) -> str:
        return f"Bars({self._source.name}, {self.cache!r})"

    def resolve(self, as_of: str, *, include_running: bool = False) -> date:
        """Return the session of an ISO date, or the newest completed one for an empty text.

        With `include_running` the session that runs now is a session, too, and the newest one.

        Raises:
            InvalidRequestError: not a date, not completed yet, or not a session; or the source never has a running one.
            CalendarEndedError: the clock lies outside the trading calendar.
        """
        self._running.tidy()
        latest = self._source.latest_session()
        if include_running and self._source.name in NEVER_RESTATED:
            raise InvalidRequestError(f"include_running: the provider {self._source.name} has no running session")
        return session_of(as_of, latest, self._source.running_session() if include_running else None)

    def is_running(self, as_of: date) -> bool:
        """Tell whether a session that `resolve` gave is still running: its bars are provisional."""
        return as_of > self._source.latest_session() and as_of == self._source.running_session()

    @property
    def request_total(self) -> int:
        """Calls to the source so far."""
        return self._source.request_count

    @property
    def answer_counts(self) -> dict[str, int]:
        """Calls to the provider so far, by the HTTP status of their answer."""
        return dict(self._source.answer_counts)

    @property
    def failing(self) -> bool:
        """Whether the provider is taken to be down."""
        return self._source.failing

    @property
    def provider(self) -> tuple[str, bool]:
        """Name of the source, and whether its bars are generated ones."""
        return self._source.name, self._source.simulated

    @property
    def plan(self) -> str:
        """Name of the provider's plan; empty without one."""
        return self._source.pace.plan

    async def listed(
        self,
        as_of: date,
        history_count: int,
        *,
        until: float,
        ends: float = math.inf,
        symbol_count: int = 0,
        newest: bool = False,
    ) -> Listed:
        """Return the symbols by liquidity on as_of, and begin to fetch the window; see `SymbolList.listed`.

        While as_of is running, the order is that of the newest completed session.

        Args:
            as_of: a session, as `resolve` gave it.
            history_count: number of sessions, ending with as_of, to begin with; 0 for none.
            until: the loop's time after which nothing is waited for.
            ends: the loop's time at which the caller must be done, by which the plan is made.
            symbol_count: symbols that will be asked for; 0 for the whole list. A few may come one by one.
            newest: whether as_of stands for the newest session: while the provider is down, the newest one that is at
                hand will do, which a notice says.
        """
        await self.stored.refresh()
        listed = await self._listed(as_of, history_count, until, ends, symbol_count)
        there = as_of in self.cache or self._source.is_stored(as_of) or self.is_running(as_of)
        older = self._at_hand(as_of) if newest and self._source.failing and not there else None
        if older is None:
            return listed
        listed = await self._listed(older, history_count, until, ends, symbol_count)
        notice = f"the provider is failing: as of {older}, the newest session at hand, instead of {as_of}"
        return replace(listed, notices=(*listed.notices, notice))

    def _at_hand(self, as_of: date) -> date | None:
        """Return the newest session before as_of, of the last few, that is in memory or stored; None without one."""
        recent = calendar.sessions_ending(as_of, OLDER_SESSIONS + 1)[-2::-1]
        return next((one for one in recent if one in self.cache or self._source.is_stored(one)), None)

    async def _listed(self, as_of: date, history_count: int, until: float, ends: float, symbol_count: int) -> Listed:
        sessions = sessions_of(as_of, history_count) if history_count else ()
        running = self.is_running(as_of)
        newest, completed = (self._source.latest_session(), sessions[:-1]) if running else (as_of, sessions)
        holding = self._streams.holding(completed)
        whole = not symbol_count or symbol_count + CONTEXT_COUNT >= len(holding.missing)
        listing = asyncio.create_task(self._symbols.listed(newest, completed, until, ends=ends, whole=whole))
        try:
            if sessions:
                self._check.begin(sessions)
            notices = (await self._running.notice(as_of, until),) if running else ()
            listed = await listing
        finally:
            listing.cancel()
            await asyncio.gather(listing, return_exceptions=True)
        asked = [one.symbol for one in listed.listings[: symbol_count or None]] if holding.missing else []
        pace, first_day = self._source.pace, self._source.first_day()
        left_s = ends - asyncio.get_running_loop().time()
        plan = plan_fetch(holding, asked, pace, first_day, left_s) if completed else None
        return replace(listed, as_of=as_of, notices=(*listed.notices, *notices), plan=plan)

    async def stream(self, request: StreamRequest, as_of: date, history_count: int, emit: Emit) -> StreamSummary:
        """Send the bars of the symbols in their order, then the omissions.

        Args:
            request: what is asked for.
            as_of: a session, as `resolve` gave it.
            history_count: number of sessions, ending with as_of.
            emit: takes what goes out.

        Raises:
            InvalidRequestError: the window begins before the calendar, or is the running session alone.
            TechnicError: the source failed before enough sessions were there.
        """
        sessions, running = sessions_of(as_of, history_count), self.is_running(as_of)
        if running and history_count < 2:
            raise InvalidRequestError("history_count 1 is the running session alone: ask for 2 or more")
        with self.cache.pinned(sessions):
            summary = await self._streams.run(request, Window(sessions, {}), emit, is_running=running)
        self.counts.add(summary)
        return summary

    async def recall(self) -> None:
        """Bring what is stored about symbols into memory, so that the first scan need not wait; without any call."""
        await asyncio.gather(self.details.load(), self._reference.recall())

    async def close(self) -> None:
        """End all work, that of the background first, and release the source."""
        await self.warming.close()
        await self.filler.close()
        await self._sync.close()
        await self._check.close()
        await self._running.close()
        await self._reference.close()
        await self._source.close()
