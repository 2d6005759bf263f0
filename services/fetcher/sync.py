"""Brings sessions into L1: one flight a session whoever asks, early ones first, owned by the service, not by a scan."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import structlog

from services.fetcher.cache import SessionCache
from services.fetcher.store.stored_source import StoredSource
from services.market.early import fetch_order
from services.market.errors import ProviderAuthError, ProviderPlanError, ProviderUnavailableError, TechnicError

TICK_S = 0.2
"""Seconds between two reports of progress."""
READING = 4
"""Stored sessions that are read at once: what else the store is asked for must not wait behind all of them."""


@dataclass(frozen=True, slots=True)
class SyncState:
    """How far some sessions have come, and the seconds until all could be there; None if they are, or not known."""

    ready_count: int
    wanted_count: int
    eta_s: float | None = None


Report = Callable[[SyncState], Awaitable[None]]


class SessionSync:
    """Brings sessions from the source into the cache.

    A flight goes on when the scan that asked for it is cancelled or out of time: others may wait for the same session,
    and the next scan finds it. `close` ends all flights.

    Args:
        source: where sessions come from.
        cache: where they go.
        early_count: how many of the newest sessions suffice for a row; they come first.
    """

    def __init__(self, source: StoredSource, cache: SessionCache, early_count: int = 0) -> None:
        self._source = source
        self._cache = cache
        self._early_count = early_count
        self._gate = asyncio.Semaphore(source.concurrency)
        self._reading = asyncio.Semaphore(READING)
        self._flights: dict[date, asyncio.Task[None]] = {}
        self.refused_count = 0

    def __repr__(self) -> str:
        return f"SessionSync({len(self._flights)} in flight, {self._cache!r})"

    @property
    def flight_count(self) -> int:
        """Sessions that are on their way."""
        return len(self._flights)

    def coming(self, sessions: Sequence[date]) -> frozenset[date]:
        """Return those of some sessions that are on their way."""
        return frozenset(session for session in sessions if session in self._flights)

    def begin(self, sessions: Sequence[date]) -> None:
        """Start a flight for every session that is neither in the cache nor on its way, early ones first.

        What lies before the history of the provider's plan would be refused, and is left out unless it is stored.
        """
        for session in fetch_order(sorted(sessions), self._early_count):
            if session not in self._cache and session not in self._flights and self._source.can_give(session):
                flight = asyncio.create_task(self._fly(session), name=f"session {session}")
                self._flights[session] = flight
                flight.add_done_callback(partial(self._landed, session))

    async def wait(
        self,
        sessions: Sequence[date],
        until: float,
        report: Report,
        is_ready: Callable[[date], bool] | None = None,
        *,
        patient: bool = True,
    ) -> TechnicError | None:
        """Wait until all sessions are ready, or until the loop's time `until`.

        The source retries by itself; a session that failed all the same is asked for again as long as there is time: a
        session that lacks is a hole in every symbol.

        Args:
            sessions: to wait for.
            until: the loop's time.
            report: is told how far they have come.
            is_ready: tells when a session need not be waited for any more; by default once it is in the cache.
            patient: whether to wait for a source that is down, too.

        Returns:
            None, or what failed last if sessions are missing because of it, were it that the provider is down.

        Raises:
            ProviderAuthError, ProviderPlanError: at once; asking again would not help.
        """
        loop = asyncio.get_running_loop()
        is_ready = is_ready or self._cache.__contains__
        failure: TechnicError | None = None
        began, coming = loop.time(), sum(not is_ready(session) for session in sessions)
        while missing := [session for session in sessions if not is_ready(session)]:
            left = until - loop.time()
            stored = any(self._source.is_stored(session) for session in missing)
            if left <= 0 or (self._source.failing and not patient and not stored):
                down = ProviderUnavailableError("The provider is failing, call after call")
                return failure or (down if self._source.failing else None)
            self.begin(missing)
            flights = [self._flights[session] for session in missing if session in self._flights]
            pause = min(TICK_S, left)
            if flights:
                await asyncio.wait(flights, timeout=pause, return_when=asyncio.FIRST_EXCEPTION)
            failed = self._failure(flights)
            if failed is not None or not flights:
                # What failed is not asked for again at once; what has landed, but is not ready yet, is being written.
                await asyncio.sleep(pause)
            count = sum(not is_ready(session) for session in missing)
            failure = None if count < len(missing) else failed or failure
            eta_s = self._source.pace.eta_s(count, coming - count, loop.time() - began)
            await report(SyncState(len(sessions) - count, len(sessions), eta_s))
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
        # What is stored needs no turn with the provider, and must not wait behind sessions that do.
        async with self._reading if self._source.is_stored(session) else self._gate:
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
