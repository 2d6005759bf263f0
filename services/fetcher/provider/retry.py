"""The one place that decides which failures of a provider call are tried again, when, and how often."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from services.fetcher.provider.breaker import CircuitOpenError
from services.fetcher.timer import Timer
from services.market.errors import (
    MalformedAnswerError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
    TechnicError,
)

T = TypeVar("T")

RETRYABLE: Final = (ProviderUnavailableError, ProviderRateLimitedError, MalformedAnswerError)
"""Errors that asking again may cure; a refused key, plan or request stays refused."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try.

    Attributes:
        attempts: calls at most, the first included; None for as many as the deadline leaves time for.
        sparing_attempts: calls at most where a `RetryBudget` counts, so that one question cannot spend it alone.
        base_s: longest wait before the second attempt, in seconds; doubled for every further one.
        cap_s: longest wait at all, in seconds, unless the provider asks for more.
    """

    attempts: int | None = None
    base_s: float = 0.25
    cap_s: float = 8.0
    sparing_attempts: int = 4

    def __post_init__(self) -> None:
        fewest = min(self.sparing_attempts, self.sparing_attempts if self.attempts is None else self.attempts)
        if fewest < 1 or not 0 <= self.base_s <= self.cap_s:
            raise ValueError(f"{self} is no retry policy")

    def delay_s(self, attempt: int, random_share: float) -> float:
        """Return the wait after attempt number `attempt` (from 1) failed: exponential, capped, fully jittered.

        Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
        """
        # Past the 64th doubling any cap is reached, and a float would not hold the thousandth one.
        return min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 64)) * random_share

    def is_last(self, attempt: int, *, sparing: bool) -> bool:
        """Tell whether no attempt may follow number `attempt` (from 1)."""
        most = self.attempts
        if sparing:
            most = self.sparing_attempts if most is None else min(most, self.sparing_attempts)
        return most is not None and attempt >= most


class RetryBudget:
    """Retries as a share of calls, so that a failing provider gets little more than the calls it fails.

    Args:
        share: retries allowed per call.
        reserve: retries at hand at first, and at most.
    """

    def __init__(self, share: float = 0.1, reserve: float = 10.0) -> None:
        self._share = share
        self._reserve = reserve
        self._left = reserve

    def __repr__(self) -> str:
        return f"RetryBudget({self._left:.1f} of {self._reserve:g} left)"

    def earn(self) -> None:
        """Count a call."""
        self._left = min(self._reserve, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry; False if there is none left."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Retrier:
    """Runs calls until they succeed, fail for good, or run out of attempts or time."""

    def __init__(self, policy: RetryPolicy, timer: Timer, random_share: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._timer = timer
        self._random_share = random_share

    async def run(self, call: Callable[[], Awaitable[T]], deadline: float, budget: RetryBudget | None = None) -> T:
        """Await `call()`, again after a retryable error, and return its first result.

        With a budget, calls are spared: few attempts, and none while the circuit breaker is open. Without one, a call
        that the breaker turned away waits for its turn, and counts as no attempt.

        Args:
            call: makes one attempt; raises one of `RETRYABLE` if another may help.
            deadline: the timer's time past which no further attempt starts.
            budget: shared by calls that must not add much load; None for calls that matter more than load.

        Raises:
            TechnicError: the last attempt's error, with its `retry_after_s`.
        """
        if budget is not None:
            budget.earn()
        attempt = 0
        while True:
            try:
                return await call()
            except RETRYABLE as error:
                attempt += not isinstance(error, CircuitOpenError)
                delay_s = self._delay_s(error, attempt, sparing=budget is not None)
                if delay_s is None or self._timer.time() + delay_s >= deadline:
                    raise
                if budget is not None and not budget.spend():
                    raise
            await self._timer.sleep(delay_s)

    def _delay_s(self, error: TechnicError, attempt: int, *, sparing: bool) -> float | None:
        """Return the wait after an error, `attempt` calls having been made; None if there is to be no further one."""
        turned_away = isinstance(error, CircuitOpenError)
        if sparing if turned_away else self._policy.is_last(attempt, sparing=sparing):
            return None
        # The jitter comes on top: whoever was told the same moment shall not come back at the same moment.
        jitter_s = self._policy.delay_s(1 if turned_away else attempt, self._random_share())
        return jitter_s + (error.retry_after_s or 0.0)
