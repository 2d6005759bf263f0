"""Plans and the rate limiter, with a clock of their own."""

import asyncio
import math
import random
from bisect import bisect_left
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.provider.limits import MARGIN, PLANS, RateLimiter
from services.fetcher.timer import LoopTimer
from services.market.errors import OverloadedError, ProviderRateLimitedError
from services.market.sessions import NEW_YORK
from tests.fetcher.fake_timer import FakeTimer
from tests.fetcher.virtual_time import run_virtually

NEVER = math.inf


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("plan", "now", "session"),
    [
        ("basic", "2025-09-30T20:00", date(2025, 9, 29)),
        ("basic", "2025-09-30T00:00", date(2025, 9, 29)),
        ("basic", "2025-10-01T00:00", date(2025, 9, 30)),
        ("basic", "2025-09-28T12:00", date(2025, 9, 26)),
        ("starter", "2025-09-30T16:14", date(2025, 9, 29)),
        ("starter", "2025-09-30T16:15", date(2025, 9, 30)),
        ("developer", "2025-11-28T13:15", date(2025, 11, 28)),
        ("advanced", "2025-09-30T15:59", date(2025, 9, 29)),
        ("advanced", "2025-09-30T16:00", date(2025, 9, 30)),
    ],
)
def test_a_plan_shows_a_session_as_late_as_it_says(plan: str, now: str, session: date) -> None:
    assert PLANS[plan].latest_session(new_york(now)) == session


def test_the_day_is_that_of_new_york() -> None:
    tokyo = datetime.fromisoformat("2025-10-01T09:00+09:00")
    assert PLANS["basic"].latest_session(tokyo) == date(2025, 9, 29)


def test_a_plan_has_the_history_that_it_says() -> None:
    now = new_york("2025-09-30T20:00")
    years = {name: plan.first_day(now) for name, plan in PLANS.items()}
    assert years == {
        "basic": date(2023, 10, 1),
        "starter": date(2020, 10, 1),
        "developer": date(2015, 10, 3),
        "advanced": None,
    }


def test_only_a_paid_plan_affords_repair() -> None:
    assert {name: plan.repair_limit for name, plan in PLANS.items()} == {
        "basic": 0,
        "starter": 500,
        "developer": 500,
        "advanced": 500,
    }


def most_in_a_window(times: list[float], window_s: float) -> int:
    """Return how many calls the fullest window held; rounding counts in favour of the limiter."""
    return max(sum(start <= at < start + window_s * (1 - 1e-9) for at in times) for start in times)


@settings(deadline=None)
@given(
    calls=st.integers(1, 5),
    steps=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 2), st.floats(0, 2)), min_size=1, max_size=40),
)
async def test_no_window_ever_holds_more_calls_than_allowed(
    calls: int, steps: list[tuple[float, float, float]]
) -> None:
    timer = FakeTimer()
    limiter = RateLimiter(calls, 1.0, timer)
    times = []
    for idle_s, connect_s, pause_s in steps:
        timer.now += idle_s
        if pause_s > 1.5:
            limiter.pause(pause_s)
        permit = await limiter.acquire(NEVER)
        timer.now += connect_s
        limiter.sent(permit)
        times.append(timer.now)
    assert most_in_a_window(times, 1.0) <= calls


def test_three_thousand_calls_with_latency_use_the_cap_and_never_exceed_it() -> None:
    rng = random.Random(3)  # noqa: S311 - a seed, not a secret

    async def fetch_all() -> list[float]:
        timer = LoopTimer()
        limiter = RateLimiter(100, 1.0 * MARGIN, timer)
        free = asyncio.Semaphore(20)
        times: list[float] = []

        async def call() -> None:
            async with free:
                permit = await limiter.acquire(NEVER)
                # On its way through this machine, which may be busy.
                await timer.sleep(rng.choice((0.0, 0.0005, 0.003)))
                limiter.sent(permit)
                times.append(timer.time())
                await timer.sleep(rng.uniform(0.04, 0.12))

        async with asyncio.TaskGroup() as group:
            for _ in range(3_000):
                group.create_task(call())
        return times

    times = sorted(run_virtually(fetch_all()))
    assert max(bisect_left(times, at + 1.0) - place for place, at in enumerate(times)) <= 100
    # The first hundred are a burst: what follows it is the rate.
    assert 2_900 / (times[-1] - times[99]) >= 97


@settings(deadline=None, max_examples=40)
@given(
    calls=st.integers(1, 30),
    concurrency=st.integers(1, 40),
    arrivals=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 0.2), st.floats(0, 2)), min_size=1, max_size=80),
)
def test_calls_side_by_side_never_exceed_the_cap(
    calls: int, concurrency: int, arrivals: list[tuple[float, float, float]]
) -> None:
    async def fetch_all() -> list[float]:
        timer = LoopTimer()
        limiter = RateLimiter(calls, 1.0, timer)
        free = asyncio.Semaphore(concurrency)
        times: list[float] = []

        async def call(arrival_s: float, connect_s: float, latency_s: float) -> None:
            await timer.sleep(arrival_s)
            async with free:
                permit = await limiter.acquire(NEVER)
                await timer.sleep(connect_s)
                limiter.sent(permit)
                times.append(timer.time())
                await timer.sleep(latency_s)

        async with asyncio.TaskGroup() as group:
            for arrival in arrivals:
                group.create_task(call(*arrival))
        return times

    assert most_in_a_window(sorted(run_virtually(fetch_all())), 1.0) <= calls


async def test_calls_out_of_order_keep_the_cap() -> None:
    timer = FakeTimer()
    limiter = RateLimiter(3, 1.0, timer)
    slow = await limiter.acquire(NEVER)
    times = []
    for _ in range(2):
        limiter.sent(await limiter.acquire(NEVER))
        times.append(timer.now)
    timer.now += 0.9
    limiter.sent(slow)
    times.append(timer.now)
    for _ in range(4):
        limiter.sent(await limiter.acquire(NEVER))
        times.append(timer.now)
    assert most_in_a_window(times, 1.0) == 3


async def test_a_burst_goes_out_at_once_up_to_the_cap() -> None:
    timer = FakeTimer()
    limiter = RateLimiter(100, 1.0, timer)
    for _ in range(100):
        limiter.sent(await limiter.acquire(NEVER))
    assert timer.slept == []
    await limiter.acquire(NEVER)
    assert timer.slept == [1.0]


async def test_an_hour_at_five_a_minute_takes_three_hundred_calls() -> None:
    timer = FakeTimer()
    limiter = RateLimiter(5, 60.0, timer)
    start = timer.now
    for _ in range(300):
        limiter.sent(await limiter.acquire(NEVER))
    assert timer.now - start == 59 * 60


async def test_turns_come_in_the_order_of_asking() -> None:
    timer = FakeTimer()
    limiter = RateLimiter(2, 1.0, timer)
    order: list[int] = []

    async def call(number: int) -> None:
        limiter.sent(await limiter.acquire(NEVER))
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(call(number))
    assert order == list(range(20))


async def test_an_urgent_call_goes_before_all_but_the_first_in_line() -> None:
    timer = FakeTimer()
    limiter = RateLimiter(1, 1.0, timer)
    order: list[str] = []

    async def call(name: str, *, urgent: bool) -> None:
        limiter.sent(await limiter.acquire(NEVER, urgent=urgent))
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(call(f"session {number}", urgent=False))
        for number in range(3):
            group.create_task(call(f"page {number}", urgent=True))
    assert set(order[:2]) == {"session 0", "session 1"}
    assert order[2:5] == ["page 0", "page 1", "page 2"]
    assert order[5:] == [f"session {number}" for number in range(2, 6)]


async def test_a_turn_after_the_deadline_is_refused_at_once_with_the_time_to_wait() -> None:
    timer = FakeTimer()
    limiter = RateLimiter(5, 60.0, timer)
    for _ in range(5):
        limiter.sent(await limiter.acquire(NEVER))
    timer.now += 10
    with pytest.raises(ProviderRateLimitedError) as caught:
        await limiter.acquire(timer.now + 49)
    assert caught.value.retry_after_s == 50
    assert timer.slept == []
    await limiter.acquire(timer.now + 50)


async def test_those_ahead_count_for_the_deadline() -> None:
    timer = FakeTimer()
    limiter = RateLimiter(1, 10.0, timer)
    limiter.sent(await limiter.acquire(NEVER))
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(limiter.acquire(NEVER)).add_done_callback(lambda done: limiter.sent(done.result()))
        await asyncio.sleep(0)
        asked_at = timer.now
        with pytest.raises(ProviderRateLimitedError):
            await limiter.acquire(asked_at + 15)
        assert timer.now == asked_at


async def test_a_pause_holds_everybody_back() -> None:
    timer = FakeTimer()
    limiter = RateLimiter(100, 1.0, timer)
    limiter.pause(30)
    limiter.pause(5)
    start = timer.now
    await limiter.acquire(NEVER)
    assert timer.now - start == 30


async def test_the_number_of_waiters_is_bounded() -> None:
    waiting = asyncio.Event()

    class Stuck(FakeTimer):
        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            waiting.set()
            await asyncio.Event().wait()

    limiter = RateLimiter(1, 1.0, Stuck(), waiters=1)
    await limiter.acquire(NEVER)
    waiter = asyncio.create_task(limiter.acquire(NEVER))
    async with asyncio.timeout(5):
        await waiting.wait()
    with pytest.raises(OverloadedError):
        await limiter.acquire(NEVER)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_a_cancelled_waiter_gives_its_place_to_the_next() -> None:
    turns: asyncio.Queue[None] = asyncio.Queue()

    class Manual(FakeTimer):
        async def sleep(self, seconds: float) -> None:
            await turns.get()
            self.now += seconds

    timer = Manual()
    limiter = RateLimiter(1, 1.0, timer)
    limiter.sent(await limiter.acquire(NEVER))
    first, second = (asyncio.create_task(limiter.acquire(NEVER)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    turns.put_nowait(None)
    await asyncio.wait({first, second}, timeout=5)
    assert first.cancelled()
    assert second.result().sent_at is None
    assert timer.now == pytest.approx(1_001)


def test_the_spacing_is_the_share_of_the_window() -> None:
    assert RateLimiter(5, 60.0, FakeTimer()).spacing_s == 12


def test_the_bound_of_history_is_never_older_than_the_plan() -> None:
    now = new_york("2024-02-29T12:00")
    first = PLANS["basic"].first_day(now)
    assert first is not None
    assert timedelta(days=729) <= now.date() - first <= timedelta(days=731)
