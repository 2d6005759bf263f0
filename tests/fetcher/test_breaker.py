"""The circuit breaker: when it opens, what it lets out, what closes it."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.provider.breaker import Attempt, Breaker, CircuitOpenError
from services.fetcher.provider.decode import EmptyAnswerError
from services.market.errors import (
    InvalidRequestError,
    MalformedAnswerError,
    ProviderAuthError,
    ProviderPlanError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
    TechnicError,
)
from tests.fetcher.fake_timer import FakeTimer

DOWN = ProviderUnavailableError("down")


def attempt(breaker: Breaker, error: BaseException | None = None) -> None:
    """Make one attempt that goes out and ends as told; only the breaker's own refusal comes back."""
    try:
        with Attempt(breaker) as trial:
            trial.begin()
            if error is not None:
                raise error
    except CircuitOpenError:
        raise
    except (TechnicError, asyncio.CancelledError, ZeroDivisionError):
        pass


def opened(timer: FakeTimer, share: float = 1.0) -> Breaker:
    breaker = Breaker(timer, lambda: share, threshold=3)
    for _ in range(3):
        attempt(breaker, DOWN)
    assert breaker.is_open
    return breaker


@pytest.mark.parametrize("error", [DOWN, MalformedAnswerError("html")])
def test_it_opens_after_so_many_failures_in_a_row(error: TechnicError) -> None:
    breaker = Breaker(FakeTimer(), threshold=3)
    for _ in range(2):
        attempt(breaker, error)
    assert not breaker.is_open
    attempt(breaker, error)
    assert breaker.is_open


ANSWERS: list[BaseException | None] = [
    None,
    EmptyAnswerError("a missing day"),
    ProviderRateLimitedError("429"),
    ProviderAuthError("401"),
    ProviderPlanError("403"),
    InvalidRequestError("404"),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
def test_any_answer_begins_the_count_anew_and_closes_it(answer: BaseException | None) -> None:
    timer = FakeTimer()
    breaker = Breaker(timer, lambda: 1.0, threshold=3)
    for error in (DOWN, DOWN, answer, DOWN, DOWN):
        attempt(breaker, error)
    assert not breaker.is_open
    breaker = opened(timer)
    timer.now += 1
    attempt(breaker, answer)
    assert not breaker.is_open


def test_open_it_refuses_at_once_and_says_since_when_and_when_it_tries_next() -> None:
    timer = FakeTimer()
    breaker = opened(timer)
    timer.now += 0.25
    words = re.escape("failing for 0 s, 3 calls in a row; the next try is in 1 s")
    with pytest.raises(CircuitOpenError, match=words) as caught, Attempt(breaker):
        pytest.fail("an attempt went out")
    assert caught.value.retry_after_s == 0.75
    assert isinstance(caught.value, ProviderUnavailableError)


def test_one_probe_at_a_time_goes_out_after_the_cooling_time() -> None:
    timer = FakeTimer()
    breaker = opened(timer)
    timer.now += 1
    with Attempt(breaker) as probe:
        probe.begin()
        with pytest.raises(CircuitOpenError) as caught, Attempt(breaker):
            pytest.fail("a second probe went out")
        assert caught.value.retry_after_s == 1
    assert not breaker.is_open
    attempt(breaker)


def test_the_cooling_time_doubles_to_its_bound() -> None:
    timer = FakeTimer()
    breaker = opened(timer)
    waits = []
    for _ in range(7):
        with pytest.raises(CircuitOpenError) as caught:
            attempt(breaker)
        waits.append(caught.value.retry_after_s)
        timer.now += waits[-1] or 0
        attempt(breaker, DOWN)
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_half_of_the_cooling_time_is_jitter() -> None:
    timer = FakeTimer()
    with pytest.raises(CircuitOpenError) as caught:
        attempt(opened(timer, share=0.0))
    assert caught.value.retry_after_s == 0.5


def test_a_probe_that_is_cancelled_tells_nothing_and_leaves_its_place() -> None:
    timer = FakeTimer()
    breaker = opened(timer)
    timer.now += 1
    attempt(breaker, asyncio.CancelledError())
    assert breaker.is_open
    attempt(breaker, ZeroDivisionError())
    assert breaker.is_open
    attempt(breaker)
    assert not breaker.is_open


def test_what_was_under_way_when_it_opened_neither_probes_nor_cools_it_longer() -> None:
    timer = FakeTimer()
    breaker = Breaker(timer, lambda: 1.0, threshold=3)
    late = [Attempt(breaker).__enter__() for _ in range(2)]
    for trial in late:
        trial.begin()
    for _ in range(3):
        attempt(breaker, DOWN)
    late[0].__exit__(type(DOWN), DOWN, None)
    with pytest.raises(CircuitOpenError) as caught:
        attempt(breaker)
    assert caught.value.retry_after_s == 1
    late[1].__exit__(None, None, None)
    assert not breaker.is_open


def test_an_attempt_that_never_went_out_tells_nothing() -> None:
    breaker = Breaker(FakeTimer(), threshold=1)
    with pytest.raises(ProviderRateLimitedError), Attempt(breaker):
        raise ProviderRateLimitedError("no turn in time")
    with pytest.raises(ProviderUnavailableError), Attempt(breaker):
        raise ProviderUnavailableError("no connection became free")
    assert not breaker.is_open


def test_one_that_waited_for_its_turn_while_it_opened_does_not_go_out() -> None:
    breaker = Breaker(FakeTimer(), threshold=1)
    with Attempt(breaker) as waiting:
        attempt(breaker, DOWN)
        with pytest.raises(CircuitOpenError):
            waiting.begin()
    assert breaker.is_open


def test_it_tells_its_state() -> None:
    timer = FakeTimer()
    assert repr(Breaker(timer)) == "Breaker(closed, 0 of 10 failures)"
    breaker = opened(timer)
    assert repr(breaker) == "Breaker(open, 3 failures, next probe in 1.0 s)"
    timer.now += 1
    with Attempt(breaker) as probe:
        probe.begin()
        assert repr(breaker) == "Breaker(open, 3 failures, probing)"


@given(st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=60))
def test_open_it_lets_out_one_call_a_cooling_time_at_most(steps: list[tuple[float, bool]]) -> None:
    timer = FakeTimer()
    breaker = opened(timer, share=0.0)
    last, cooling_s = timer.now, 0.5
    for idle_s, comes in steps:
        timer.now += idle_s
        try:
            attempt(breaker, None if comes else DOWN)
        except CircuitOpenError:
            continue
        assert timer.now >= last + cooling_s - 1e-9
        if comes:
            return
        last, cooling_s = timer.now, min(2 * cooling_s, 15)
