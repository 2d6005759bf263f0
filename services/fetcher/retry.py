"""The one place that decides which failures of a provider call are tried again, when, and how often."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from services.fetcher.timer import Timer
from services.market.errors import (
    MalformedAnswerError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
)

T = TypeVar("T")

RETRYABLE: Final = (ProviderUnavailableError, ProviderRateLimitedError, MalformedAnswerError)
"""Errors that asking again may cure; a refused key, plan or request stays refused."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try.

    Attributes:
        attempts: calls at most, the first included.
        base_s: longest wait before the second attempt, in seconds; doubled for every further one.
        cap_s: longest wait at all, in seconds, unless the provider asks for more.
    """

    attempts: int = 8
    base_s: float = 0.25
    cap_s: float = 8.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.base_s <= self.cap_s:
            raise ValueError(f"{self} is no retry policy")

    def delay_s(self, attempt: int, random_share: float) -> float:
        """Return the wait after attempt number `attempt` (from 1) failed: exponential, capped, fully jittered.

        Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
        """
        return min(self.cap_s, self.base_s * 2.0 ** (attempt - 1)) * random_share


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

        Args:
            call: makes one attempt; raises one of `RETRYABLE` if another may help.
            deadline: the timer's time past which no further attempt starts.
            budget: shared by calls that must not add much load; None for calls that matter more than load.

        Raises:
            TechnicError: the last attempt's error, with its `retry_after_s`.
        """
        if budget is not None:
            budget.earn()
        for attempt in range(1, self._policy.attempts):
            try:
                return await call()
            except RETRYABLE as error:
                delay_s = self._policy.delay_s(attempt, self._random_share())
                # The jitter comes on top: whoever was told the same moment shall not come back at the same moment.
                delay_s += error.retry_after_s or 0.0
                if self._timer.time() + delay_s >= deadline or (budget is not None and not budget.spend()):
                    raise
            await self._timer.sleep(delay_s)
        return await call()
