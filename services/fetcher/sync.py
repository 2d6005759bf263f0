"""Fetches sessions into L1: one flight a session whoever asks, newest first, owned by the service and not by a scan."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import structlog

from services.fetcher.cache import SessionCache
from services.fetcher.source import BarSource
from services.market.errors import ProviderAuthError, ProviderPlanError, TechnicError

TICK_S = 0.2
"""Seconds between two reports of progress."""
FRUITLESS_ROUNDS = 3
"""Failures in a row, without any session arriving, after which waiting longer is hopeless."""


@dataclass(frozen=True, slots=True)
class SyncState:
    """How far some sessions have come."""

    ready_count: int
    wanted_count: int


Report = Callable[[SyncState], Awaitable[None]]


class SessionSync:
    """Brings sessions from the source into the cache.

    A flight goes on when the scan that asked for it is cancelled or out of time: others may wait for the same session,
    and the next scan finds it. `close` ends all flights.
    """

    def __init__(self, source: BarSource, cache: SessionCache) -> None:
        self._source = source
        self._cache = cache
        self._gate = asyncio.Semaphore(source.concurrency)
        self._flights: dict[date, asyncio.Task[None]] = {}
        self.refused_count = 0

    def __repr__(self) -> str:
        return f"SessionSync({len(self._flights)} in flight, {self._cache!r})"

    def begin(self, sessions: Sequence[date]) -> None:
        """Start a flight for every session that is neither in the cache nor on its way, newest first."""
        for session in sorted(sessions, reverse=True):
            if session not in self._cache and session not in self._flights:
                flight = asyncio.create_task(self._fly(session), name=f"session {session}")
                self._flights[session] = flight
                flight.add_done_callback(partial(self._landed, session))

    async def wait(self, sessions: Sequence[date], until: float, report: Report) -> TechnicError | None:
        """Wait until all sessions are in the cache, or until the loop's time `until`.

        The source retries by itself; a session that failed all the same is asked for again while others arrive.

        Returns:
            None, or what failed last if sessions are missing because of it.

        Raises:
            ProviderAuthError, ProviderPlanError: at once; asking again would not help.
        """
        loop = asyncio.get_running_loop()
        failure: TechnicError | None = None
        fruitless = 0
        while missing := [session for session in sessions if session not in self._cache]:
            left = until - loop.time()
            if left <= 0 or fruitless >= FRUITLESS_ROUNDS:
                return failure
            self.begin(missing)
            flights = [self._flights[session] for session in missing]
            await asyncio.wait(flights, timeout=min(TICK_S, left), return_when=asyncio.FIRST_EXCEPTION)
            failed = self._failure(flights)
            arrived = sum(session in self._cache for session in missing)
            failure = None if arrived else failed or failure
            fruitless = 0 if arrived else fruitless + (failed is not None)
            await report(SyncState(len(sessions) - len(missing) + arrived, len(sessions)))
        await report(SyncState(len(sessions), len(sessions)))
        return None

    def _failure(self, flights: list[asyncio.Task[None]]) -> TechnicError | None:
        """Return one typed error of the flights that ended; raise what asking again cannot help."""
        failure: TechnicError | None = None
        for flight in flights:
            error = flight.exception() if flight.done() and not flight.cancelled() else None
            if isinstance(error, TechnicError) and not isinstance(error, ProviderAuthError | ProviderPlanError):
                failure = error
            elif error is not None:
                self._abandon()
                raise error
        return failure

    def _abandon(self) -> None:
        """Stop all flights: the source would fail for them in the same way."""
        for flight in self._flights.values():
            flight.cancel()

    async def _fly(self, session: date) -> None:
        async with self._gate:
            bars = await self._source.session_bars(session)
        self._cache.put(bars)
        self.refused_count += bars.refused_count
        if bars.refused_count:
            structlog.get_logger().warning("bars_refused", session=str(session), count=bars.refused_count)

    def _landed(self, session: date, flight: asyncio.Task[None]) -> None:
        """Take a flight off the list; its error is logged even when nobody waits for it any more."""
        del self._flights[session]
        error = None if flight.cancelled() else flight.exception()
        if error is not None:
            structlog.get_logger().warning("session_failed", session=str(session), error=str(error))

    async def close(self) -> None:
        """Cancel all flights and wait for their end."""
        flights = list(self._flights.values())
        self._abandon()
        await asyncio.gather(*flights, return_exceptions=True)
