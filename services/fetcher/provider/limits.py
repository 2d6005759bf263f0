"""What a plan of the provider allows, and the limiter that keeps to it."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from services.fetcher.timer import Timer
from services.market.errors import CalendarEndedError, OverloadedError, ProviderRateLimitedError
from services.market.sessions import (
    FIRST,
    LAST,
    NEW_YORK,
    OPEN,
    close_time,
    is_session,
    last_completed,
    nearest_session,
)

MARGIN: Final = 1.005
"""Factor on the window: two calls may come closer to each other on their way to the provider.

A call weighs from the moment it was sent, which a busy machine does late; of a cap of 100 a second 97 % are used.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one plan allows.

    Attributes:
        name: as in the settings.
        calls: calls in any window.
        window_s: length of the window, in seconds.
        history_years: years of history; None for all there is.
        delay: how long after its close a session can be asked for; None: from the next midnight in New York.
        repair_limit: symbols that may be asked for one by one in a scan.
        snapshot: whether the running session can be asked for.
    """

    name: str
    calls: int
    window_s: float
    history_years: int | None
    delay: timedelta | None
    repair_limit: int
    snapshot: bool = True

    def latest_session(self, now: datetime) -> date:
        """Return the newest session that can be asked for at `now`, an aware time.

        Raises:
            CalendarEndedError: the trading calendar does not cover `now`.
        """
        today = _day(now)
        if self.delay is None:
            return nearest_session(today - timedelta(days=1))
        return last_completed(now - self.delay)

    def running_session(self, now: datetime) -> date | None:
        """Return the session of which something, but not all, can be seen at `now`, an aware time; None without one.

        A plan that shows whole sessions only has the one that trades now, so that asking for its bars says what is
        missing: the snapshot.

        Raises:
            CalendarEndedError: the trading calendar does not cover `now`.
        """
        today = _day(now)
        seen = now - (self.delay or timedelta(0))
        opened = datetime.combine(today, OPEN, NEW_YORK)
        return today if is_session(today) and opened < seen < close_time(today) else None

    def first_day(self, now: datetime) -> date | None:
        """Return the first day of the history at `now`, an aware time; None for all there is."""
        if self.history_years is None:
            return None
        return now.astimezone(NEW_YORK).date() - timedelta(days=365 * self.history_years)


def _day(now: datetime) -> date:
    """Return the New York date of a clock."""
    today = now.astimezone(NEW_YORK).date()
    # On the first day there is no session before.
    if not FIRST < today <= LAST:
        raise CalendarEndedError(
            f"the clock says {today}, but the trading calendar of this version covers {FIRST}..{LAST}: install a newer "
            "version, or set the clock right"
        )
    return today


_QUARTER_HOUR: Final = timedelta(minutes=15)

PLANS: Final = MappingProxyType(
    {
        plan.name: plan
        for plan in (
            Plan("basic", 5, 60.0, history_years=2, delay=None, repair_limit=0, snapshot=False),
            Plan("starter", 100, 1.0, history_years=5, delay=_QUARTER_HOUR, repair_limit=500),
            Plan("developer", 100, 1.0, history_years=10, delay=_QUARTER_HOUR, repair_limit=500),
            Plan("advanced", 100, 1.0, history_years=None, delay=timedelta(0), repair_limit=500),
        )
    }
)
"""Massive's plans by name; the paid ones are "unlimited", with the request to stay under 100 calls a second."""


@dataclass(slots=True)
class Permit:
    """Leave to make one call. It weighs on the limit from the moment at which the call went out, else from now on."""

    sent_at: float | None = None


class RateLimiter:
    """Never lets more than `calls` calls out in any `window_s` seconds; first come, first served, but for urgent calls.

    The i-th call waits until a window after call i - `calls` was *sent*, not permitted: a slow connect in between
    cannot squeeze calls together. A call whose sending was not reported yet is taken as sent now.

    Args:
        calls: calls in any window.
        window_s: length of the window, in seconds.
        timer: the time.
        waiters: how many may wait.
    """

    def __init__(self, calls: int, window_s: float, timer: Timer, waiters: int = 10_000) -> None:
        self._window_s = window_s
        self._timer = timer
        self._waiters = waiters
        self._waiting = 0
        self._urgent = 0
        self._line = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._permits: deque[Permit] = deque([Permit(float("-inf"))] * calls, maxlen=calls)
        self._paused_until = float("-inf")

    def __repr__(self) -> str:
        return f"RateLimiter({len(self._permits)} calls in {self._window_s:g} s, {self._waiting} waiting)"

    async def acquire(self, deadline: float, *, urgent: bool = False) -> Permit:
        """Wait for a turn.

        Args:
            deadline: the timer's time at which the permit is of no use any more.
            urgent: goes before the others, but for the one that stands first.

        Raises:
            ProviderRateLimitedError: no turn comes before the deadline; told at once where that is already known.
            OverloadedError: too many wait.
        """
        if self._waiting >= self._waiters:
            raise OverloadedError(f"{self._waiting} provider calls are waiting for their turn")
        self._check(self._turn_at(self._urgent if urgent else self._waiting), deadline)
        self._waiting += 1
        self._urgent += urgent
        try:
            # Of the ordinary calls, only the first in their line waits among the urgent ones.
            async with contextlib.nullcontext() if urgent else self._line, self._turn:
                while (turn_at := self._turn_at(0)) > (now := self._timer.time()):
                    self._check(turn_at, deadline)
                    await self._timer.sleep(turn_at - now)
                self._check(now, deadline)
                permit = Permit()
                self._permits.append(permit)
                return permit
        finally:
            self._waiting -= 1
            self._urgent -= urgent

    def sent(self, permit: Permit) -> None:
        """Report that the call of a permit went out, or that it never will; a second report changes nothing."""
        if permit.sent_at is None:
            permit.sent_at = self._timer.time()

    @property
    def spacing_s(self) -> float:
        """Seconds from call to call at the full rate."""
        return self._window_s / len(self._permits)

    def pause(self, seconds: float) -> None:
        """Let no call out for a while, as the provider asked."""
        self._paused_until = max(self._paused_until, self._timer.time() + seconds)

    def _turn_at(self, ahead: int) -> float:
        """Return the earliest time for a call with `ahead` others before it."""
        rounds, place = divmod(ahead, len(self._permits))
        sent_at = self._permits[place].sent_at
        before = self._timer.time() if sent_at is None else sent_at
        return max(before + self._window_s * (rounds + 1), self._paused_until)

    def _check(self, turn_at: float, deadline: float) -> None:
        if turn_at > deadline:
            wait_s = turn_at - self._timer.time()
            raise ProviderRateLimitedError(
                f"The provider's rate limit allows the next call in {wait_s:.0f} s, which is too late",
                retry_after_s=wait_s,
            )
