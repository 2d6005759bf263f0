"""Today's running session: its bars so far, from the provider's snapshot of the whole market.

They are provisional. They live here and in the blocks of the scans that asked for them, never in L1 and never in the
store: a scan that does not ask for them cannot find them.
"""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from services.fetcher.source import SessionBars
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.window import RunningSession
from services.market.errors import BudgetSpentError, ProviderAuthError, ProviderPlanError, TechnicError
from services.market.panel import FIELDS

FRESH_S: Final = 60.0
"""Seconds for which scans share a snapshot."""
REFRESH_S: Final = 5.0
"""Seconds that a newer snapshot is waited for while there is one of the last hours."""
KEPT_S: Final = 4 * 3600.0
"""Seconds after which a snapshot is of no use, even if no newer one can be had."""


class RunningBars:
    """Remembers the newest snapshot; one call at a time, whoever waits.

    Args:
        source: what is asked.
        clock: tells now, as an aware time.
    """

    def __init__(self, source: StoredSource, clock: Callable[[], datetime]) -> None:
        self._source = source
        self._clock = clock
        self._newest: RunningSession | None = None
        self._asking: tuple[date, asyncio.Task[RunningSession]] | None = None

    def __repr__(self) -> str:
        return f"RunningBars({self._newest and self._newest.session})"

    def tidy(self) -> None:
        """Forget a snapshot that is too old, or whose session does not run any more."""
        kept = self._newest
        if kept is not None and (self._age_s(kept) >= KEPT_S or self._source.running_session() != kept.session):
            self._newest = None

    async def get(self, session: date) -> RunningSession:
        """Return the bars so far of the session that runs now: at most `FRESH_S` old if the provider answers.

        Raises:
            ProviderPlanError, ProviderAuthError: the plan has no snapshot, or the key is refused.
            TechnicError: the provider failed, and there is no snapshot of the last hours.
        """
        self.tidy()
        kept = self._newest if self._newest is not None and self._newest.session == session else None
        if kept is not None and 0 <= self._age_s(kept) < FRESH_S:
            return kept
        try:
            async with asyncio.timeout(None if kept is None else REFRESH_S):
                return await asyncio.shield(self._asked(session))
        except (ProviderAuthError, ProviderPlanError):
            raise
        except (TimeoutError, TechnicError) as error:
            if kept is None:
                raise
            structlog.get_logger().warning("snapshot_failed", session=str(session), error=repr(error))
            return kept

    async def notice(self, session: date, until: float) -> str:
        """Return what a reader should know about the running session; raises like `get`.

        Raises:
            BudgetSpentError: its bars did not come before the loop's time `until`.
        """
        try:
            async with asyncio.timeout_at(until):
                return (await self.get(session)).notice
        except TimeoutError:
            raise BudgetSpentError(f"the bars so far of {session} did not come in time") from None

    def _asked(self, session: date) -> asyncio.Task[RunningSession]:
        """Return the one task that asks; it outlives those who wait for it."""
        if self._asking is None or self._asking[0] != session or self._asking[1].done():
            task = asyncio.create_task(self._ask(session), name=f"snapshot {session}")
            # Those who wait are told of a failure; with nobody waiting it is no news.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._asking = (session, task)
        return self._asking[1]

    async def _ask(self, session: date) -> RunningSession:
        asked_at = self._clock()
        bars = await self._source.running_bars(session)
        if bars.refused_count:
            structlog.get_logger().warning("bars_refused", session=str(session), count=bars.refused_count)
        self._newest = RunningSession(session, asked_at, _by_column(bars))
        return self._newest

    def _age_s(self, kept: RunningSession) -> float:
        return (self._clock() - kept.asked_at).total_seconds()

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking[1].cancel()
            await asyncio.gather(self._asking[1], return_exceptions=True)


def _by_column(bars: SessionBars) -> NDArray[np.float64]:
    values = np.full((int(bars.columns.max(initial=-1)) + 1, len(FIELDS)), np.nan)
    values[bars.columns] = bars.bars.T
    return values
