"""Retries: what is tried again, when, how often."""

import asyncio
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.provider.breaker import CircuitOpenError
from services.fetcher.provider.retry import Retrier, RetryBudget, RetryPolicy
from services.market.errors import (
    BudgetSpentError,
    InvalidRequestError,
    MalformedAnswerError,
    ProviderAuthError,
    ProviderPlanError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
    TechnicError,
)
from tests.fetcher.fake_timer import FakeTimer

NEVER = math.inf
POLICY = RetryPolicy(attempts=5, base_s=1.0, cap_s=4.0)


class Script:
    """A call that fails as told, then returns "done"."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        """Fail, or return "done"."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def retrier(timer: FakeTimer, share: float = 1.0) -> Retrier:
    return Retrier(POLICY, timer, lambda: share)


@pytest.mark.parametrize("kind", [ProviderUnavailableError, MalformedAnswerError, ProviderRateLimitedError])
async def test_what_may_pass_is_tried_again(kind: type[TechnicError]) -> None:
    call = Script(kind("once"), kind("twice"))
    assert await retrier(FakeTimer()).run(call, NEVER) == "done"
    assert call.calls == 3


@pytest.mark.parametrize("kind", [ProviderAuthError, ProviderPlanError, InvalidRequestError, BudgetSpentError])
async def test_what_will_not_pass_is_not_tried_again(kind: type[TechnicError]) -> None:
    call = Script(kind("no"))
    timer = FakeTimer()
    with pytest.raises(kind):
        await retrier(timer).run(call, NEVER)
    assert (call.calls, timer.slept) == (1, [])


async def test_errors_that_nobody_planned_pass_unchanged() -> None:
    call = Script(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await retrier(FakeTimer()).run(call, NEVER)
    assert call.calls == 1


async def test_cancellation_is_never_tried_again() -> None:
    call = Script(ProviderUnavailableError("once"), asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await retrier(FakeTimer()).run(call, NEVER)
    assert call.calls == 2


async def test_waits_double_up_to_the_cap_and_attempts_end_with_the_last_error() -> None:
    call = Script(*(ProviderUnavailableError(f"number {number}") for number in range(9)))
    timer = FakeTimer()
    with pytest.raises(ProviderUnavailableError, match="number 4"):
        await retrier(timer).run(call, NEVER)
    assert timer.slept == [1, 2, 4, 4]


@given(st.integers(1, 60), st.floats(0, 1))
def test_the_jitter_is_full_and_capped(attempt: int, share: float) -> None:
    assert 0 <= POLICY.delay_s(attempt, share) <= min(POLICY.cap_s, 2.0 ** (attempt - 1))
    assert POLICY.delay_s(attempt, 0.0) == 0


async def test_retry_after_is_obeyed() -> None:
    call = Script(ProviderRateLimitedError("slow down", retry_after_s=30))
    timer = FakeTimer()
    assert await retrier(timer, 0.5).run(call, NEVER) == "done"
    assert timer.slept == [30.5]


async def test_a_retry_after_beyond_the_deadline_is_told_at_once() -> None:
    call = Script(ProviderRateLimitedError("slow down", retry_after_s=30))
    timer = FakeTimer()
    with pytest.raises(ProviderRateLimitedError) as caught:
        await retrier(timer, 0.0).run(call, timer.now + 29)
    assert caught.value.retry_after_s == 30
    assert timer.slept == []


async def test_no_attempt_starts_after_the_deadline() -> None:
    timer = FakeTimer()
    call = Script(*(ProviderUnavailableError("down") for _ in range(9)))
    with pytest.raises(ProviderUnavailableError):
        await retrier(timer).run(call, timer.now + 3.5)
    assert timer.slept == [1, 2]


async def test_a_shared_budget_keeps_retries_to_a_tenth_of_the_calls() -> None:
    budget = RetryBudget(share=0.1, reserve=10)
    calls = 0
    for _ in range(1_000):
        call = Script(*(ProviderUnavailableError("down") for _ in range(9)))
        with pytest.raises(ProviderUnavailableError):
            await retrier(FakeTimer()).run(call, NEVER, budget)
        calls += call.calls
    assert calls <= 1_000 + 100 + 10
    assert calls >= 1_000 + 100


async def test_without_a_bound_of_attempts_only_the_deadline_ends_them() -> None:
    timer = FakeTimer()
    call = Script(*(ProviderUnavailableError("down") for _ in range(5_000)))
    policy = RetryPolicy(base_s=1.0, cap_s=4.0)
    with pytest.raises(ProviderUnavailableError):
        await Retrier(policy, timer, lambda: 1.0).run(call, timer.now + 4_000)
    assert sum(timer.slept) == pytest.approx(4_000, abs=4)
    assert call.calls > 1_000
    call = Script(*(ProviderUnavailableError("down") for _ in range(30)))
    assert await Retrier(policy, timer, lambda: 1.0).run(call, NEVER) == "done"


async def test_one_question_cannot_spend_the_budget_alone() -> None:
    call = Script(*(MalformedAnswerError("always") for _ in range(99)))
    policy = RetryPolicy(attempts=None, sparing_attempts=3)
    with pytest.raises(MalformedAnswerError):
        await Retrier(policy, FakeTimer()).run(call, NEVER, RetryBudget())
    assert call.calls == 3


async def test_a_call_that_the_breaker_turned_away_waits_and_counts_as_no_attempt() -> None:
    turned_away = [CircuitOpenError("open", retry_after_s=7) for _ in range(20)]
    call = Script(*turned_away, ProviderUnavailableError("down"))
    timer = FakeTimer()
    assert await retrier(timer).run(call, NEVER) == "done"
    assert timer.slept == [8] * 20 + [1]


async def test_a_spared_call_does_not_wait_for_the_breaker_and_spends_nothing() -> None:
    budget = RetryBudget(reserve=2)
    for _ in range(10):
        call = Script(CircuitOpenError("open", retry_after_s=7))
        timer = FakeTimer()
        with pytest.raises(CircuitOpenError):
            await retrier(timer).run(call, NEVER, budget)
        assert (call.calls, timer.slept) == (1, [])
    assert budget.spend()


@pytest.mark.parametrize("share", [None, 0.1])
async def test_a_fault_in_five_calls_costs_no_more_than_a_third_more_calls(share: float | None) -> None:
    rng = random.Random(5)  # noqa: S311 - a seed, not a secret
    budget = None if share is None else RetryBudget(share)
    made = lost = 0

    async def call() -> None:
        nonlocal made
        made += 1
        if rng.random() < 0.2:
            raise rng.choice(
                [ProviderUnavailableError("503"), MalformedAnswerError("html"), ProviderRateLimitedError("429")]
            )

    timer = FakeTimer()
    policy = RetryPolicy()
    for _ in range(4_000):
        try:
            await Retrier(policy, timer, rng.random).run(call, NEVER, budget)
        except TechnicError:
            lost += 1
    assert made / 4_000 <= (1.35 if share is None else 1.11)
    assert (lost == 0) == (share is None)


@pytest.mark.parametrize(("attempts", "base_s", "cap_s"), [(0, 1.0, 2.0), (1, 3.0, 2.0), (1, -1.0, 2.0)])
def test_a_senseless_policy_is_refused(attempts: int, base_s: float, cap_s: float) -> None:
    with pytest.raises(ValueError, match="no retry policy"):
        RetryPolicy(attempts, base_s, cap_s)
