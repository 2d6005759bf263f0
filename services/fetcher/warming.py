"""Brings the newest sessions into memory before anybody asks: at the start, and each session day before the open."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import structlog

from services.fetcher.activity import Activity, report_end
from services.fetcher.cache import SessionCache
from services.fetcher.reference.reference import STALE_SESSIONS, Reference
from services.fetcher.reference.symbol_list import SCARCE_S, SymbolList
from services.fetcher.split_check import SplitCheck
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.sync import SessionSync, SyncState
from services.fetcher.timer import Timer
from services.fetcher.window import sessions_of
from services.market.errors import BudgetSpentError, ProviderPlanError, TechnicError
from services.market.sessions import NEW_YORK, is_session, next_session

START_S: Final = 1.0
"""Seconds after readiness at which warming begins."""
LOOK_S: Final = 300.0
"""Seconds from one look at the clock to the next: it may be set while we sleep."""
PATIENCE_S: Final = 4 * 3600.0
"""Seconds that a run may take: 300 sessions on the slowest plan take one hour."""
BACKOFF_S: Final = 30.0
MOST_BACKOFF_S: Final = 1800.0
"""Seconds after the first failed attempt, doubled with each further one, and at most."""
MORNING_SESSIONS: Final = 300
"""Sessions that are warmed in the morning where none are at the start."""
ATTEMPTS: Final = 8
"""Attempts at most until the next morning."""


@dataclass(frozen=True, slots=True)
class WarmPlan:
    """When to warm.

    Attributes:
        sessions: how many, ending with the newest one; 0 for none at the start, and `MORNING_SESSIONS` later.
        at: New York time of session days; None for never.
    """

    sessions: int
    at: time | None


@dataclass(frozen=True, slots=True)
class Warmed:
    """What a run came to: sessions in memory and wanted, calls to the provider meanwhile, seconds."""

    ready_count: int
    wanted_count: int
    request_count: int
    seconds: float


def next_morning(now: datetime, at: time) -> datetime:
    """Return the first moment after `now` at which it is `at` in New York on a session day, in UTC.

    Args:
        now: an aware time.
        at: a New York time; one that the change to summer time skips counts as an hour later.
    """
    today = now.astimezone(NEW_YORK).date()
    day = today if is_session(today) else next_session(today)
    moment = datetime.combine(day, at, NEW_YORK).astimezone(UTC)
    return moment if moment > now else datetime.combine(next_session(day), at, NEW_YORK).astimezone(UTC)


class Warming:
    """Warms L1; see `run` and `start`.

    Args:
        source: where bars come from, through the store.
        sync: brings sessions.
        cache: L1.
        symbols: puts what is fetched into its order.
        reference: the list and the splits.
        check: holds splits against the provider's own adjusted bars.
        activity: is told of every run.
        timer: the time that passes.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the core's parts
        self,
        source: StoredSource,
        sync: SessionSync,
        cache: SessionCache,
        symbols: SymbolList,
        reference: Reference,
        check: SplitCheck,
        activity: Activity,
        timer: Timer,
    ) -> None:
        self._source = source
        self._sync = sync
        self._cache = cache
        self._symbols = symbols
        self._reference = reference
        self._check = check
        self._activity = activity
        self._timer = timer
        self._task: asyncio.Task[None] | None = None

    def start(self, plan: WarmPlan, clock: Callable[[], datetime]) -> None:
        """Warm in the background as planned, until `close`.

        Args:
            plan: when and how much.
            clock: tells now, as an aware time.
        """
        self._task = asyncio.create_task(self._keep_warm(plan, clock), name="warming")
        self._task.add_done_callback(report_end)

    async def run(self, as_of: date, history_count: int, *, until: float) -> Warmed:
        """Bring a window into L1, with its splits and a fresh reference list; what is there takes no call.

        Where calls are scarce, the newest session comes first, and only a list that is stale is asked for anew.

        Args:
            as_of: a session that is completed.
            history_count: number of sessions, ending with as_of.
            until: the loop's time after which nothing is waited for; the work goes on.

        Raises:
            BudgetSpentError: not all was there in time.
            TechnicError: the source failed.
        """
        loop = asyncio.get_running_loop()
        wanted, began, calls_before = sessions_of(as_of, history_count), loop.time(), self._source.request_count
        sessions = tuple(session for session in wanted if self._source.can_give(session))
        if not sessions:
            raise ProviderPlanError(
                f"none of the sessions up to {as_of} is in the history of plan {self._source.pace.plan}, "
                f"which begins on {self._source.first_day()}"
            )
        with self._activity.busy(), self._cache.pinned(sessions):
            await self._symbols.begin(as_of, sessions)
            failure = await self._sync.wait(sessions, until, _ignore, patient=False)
            if failure is not None:
                raise failure
            within = STALE_SESSIONS if self._source.pace.spacing_s >= SCARCE_S else 0
            try:
                async with asyncio.timeout_at(until):
                    await self._reference.splits(sessions[0])
                    await self._reference.refresh(within)
                    await self._check.suspects(sessions, until)
            except TimeoutError:
                raise BudgetSpentError(_LATE) from None
        ready_count = sum(map(self._cache.__contains__, sessions))
        if ready_count < len(sessions):
            raise BudgetSpentError(_LATE)
        return Warmed(ready_count, len(sessions), self._source.request_count - calls_before, loop.time() - began)

    async def _keep_warm(self, plan: WarmPlan, clock: Callable[[], datetime]) -> None:
        if plan.sessions:
            await self._timer.sleep(START_S)
            await self._insist(plan.sessions)
        while plan.at is not None:
            moment = next_morning(clock(), plan.at)
            while (left_s := (moment - clock()).total_seconds()) > 0:
                await self._timer.sleep(min(left_s, LOOK_S))
            await self._insist(plan.sessions or MORNING_SESSIONS)

    async def _insist(self, history_count: int) -> None:
        """Warm, again and again where the provider fails; a key or plan that is refused is given up after a while."""
        for attempt in range(ATTEMPTS):
            as_of = self._source.latest_session()
            try:
                warmed = await self.run(as_of, history_count, until=asyncio.get_running_loop().time() + PATIENCE_S)
            except TechnicError as error:
                structlog.get_logger().warning("warming_failed", as_of=str(as_of), error=error.message)
                await self._timer.sleep(min(BACKOFF_S * 2.0**attempt, MOST_BACKOFF_S))
            else:
                structlog.get_logger().info(
                    "warmed",
                    as_of=str(as_of),
                    sessions=warmed.ready_count,
                    calls=warmed.request_count,
                    seconds=round(warmed.seconds, 3),
                )
                return

    async def close(self) -> None:
        """End what runs in the background."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


_LATE: Final = "not all sessions were in memory in time: the work goes on, warm again"


async def _ignore(_: SyncState) -> None:
    """Take progress that nobody asked for."""
