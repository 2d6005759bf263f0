"""Bringing bars into memory ahead of scans: when, what, and what happens when the provider fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest

from services.fetcher.activity import Activity
from services.fetcher.cache import SessionCache
from services.fetcher.reference.details import DetailsBook
from services.fetcher.reference.reference import STALE_SESSIONS, Reference
from services.fetcher.reference.symbol_list import SymbolList
from services.fetcher.source import Pace
from services.fetcher.split_check import SplitCheck
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.symbols import SymbolIndex
from services.fetcher.sync import SessionSync
from services.fetcher.warming import ATTEMPTS, BACKOFF_S, START_S, Warming, WarmPlan, next_morning
from services.market.errors import BudgetSpentError, ProviderPlanError, ProviderUnavailableError
from services.market.sessions import NEW_YORK, sessions_ending
from tests.fetcher.fake_source import LATEST, FakeSource
from tests.fetcher.fake_timer import FakeTimer

AT = time(8)
COUNT = 6
SESSIONS = sessions_ending(LATEST, COUNT)
AFTER_CLOSE = datetime(2025, 9, 30, 20, tzinfo=NEW_YORK)


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        ("2025-09-30T07:59", "2025-09-30T12:00"),
        ("2025-09-30T08:00", "2025-10-01T12:00"),
        ("2025-09-30T20:00", "2025-10-01T12:00"),
        ("2025-10-03T09:00", "2025-10-06T12:00"),
        ("2025-10-04T01:00", "2025-10-06T12:00"),
        ("2025-10-31T09:00", "2025-11-03T13:00"),
        ("2026-03-06T09:00", "2026-03-09T12:00"),
        ("2025-11-26T09:00", "2025-11-28T13:00"),
        ("2025-12-24T12:00", "2025-12-26T13:00"),
        ("2025-12-31T12:00", "2026-01-02T13:00"),
    ],
    ids=[
        "same day",
        "at it",
        "evening",
        "friday",
        "weekend",
        "clocks back",
        "clocks on",
        "thanksgiving",
        "xmas",
        "new year",
    ],
)
def test_the_next_morning_is_of_a_session_and_new_yorks(now: str, morning: str) -> None:
    expected = datetime.fromisoformat(morning).replace(tzinfo=UTC)
    assert next_morning(new_york(now), AT) == expected
    assert next_morning(new_york(now).astimezone(UTC), AT) == expected


@dataclass
class Desk:
    """Warming with all that it takes; `clock` runs with the timer."""

    source: FakeSource
    cache: SessionCache
    sync: SessionSync
    reference: Reference
    timer: FakeTimer
    warming: Warming

    def clock(self) -> datetime:
        """Tell now."""
        return AFTER_CLOSE + timedelta(seconds=self.timer.now - 1000.0)

    async def run(self, seconds: float = 5.0) -> None:
        """Warm once."""
        await self.warming.run(LATEST, COUNT, until=asyncio.get_running_loop().time() + seconds)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Let it work until something is so."""
        for _ in range(100_000):
            if is_so():
                return
            await asyncio.sleep(0)
        raise AssertionError(f"it never came: {self.source.asked}, slept {self.timer.slept}")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    source, timer = FakeSource(SymbolIndex()), FakeTimer()
    store = Store(source.index)
    stored, cache = StoredSource(source, store), SessionCache(10**8)
    reference, sync = Reference(stored), SessionSync(stored, cache)
    symbols = SymbolList(reference, sync, source.index, cache, stored, DetailsBook(store))
    check = SplitCheck(stored, store, reference, source.index, cache)
    warming = Warming(stored, sync, cache, symbols, reference, check, Activity(timer), timer)
    yield Desk(source, cache, sync, reference, timer, warming)
    await warming.close()
    await check.close()
    await sync.close()
    await reference.close()
    await store.close()


def let_newest_be(source: FakeSource, session: date) -> None:
    source.latest_session = lambda: session  # type: ignore[method-assign]  # the source's clock


async def test_a_window_is_in_memory_with_splits_and_list_and_the_next_run_asks_nothing(desk: Desk) -> None:
    await desk.run()
    assert all(session in desk.cache for session in SESSIONS)
    assert desk.source.asked == dict.fromkeys(SESSIONS, 1) | {"splits": 1, "listings": 1}
    assert desk.source.order[0] == LATEST
    await desk.run()
    assert desk.source.request_count == COUNT + 2


async def test_a_window_before_the_history_of_the_plan_is_refused(desk: Desk) -> None:
    desk.source.history_begins = LATEST + timedelta(days=1)
    with pytest.raises(ProviderPlanError, match="begins on"):
        await desk.run()


async def test_late_is_said_and_the_work_goes_on(desk: Desk) -> None:
    desk.source.hold = asyncio.Event()
    with pytest.raises(BudgetSpentError, match="goes on"):
        await desk.run(seconds=0.01)
    desk.source.hold.set()
    await desk.until(lambda: all(session in desk.cache for session in SESSIONS))
    assert all(desk.source.asked[session] == 1 for session in SESSIONS)


async def test_a_list_that_hangs_is_late_too(desk: Desk) -> None:
    desk.source.listings = asyncio.Event().wait  # type: ignore[method-assign, assignment]  # never answers
    with pytest.raises(BudgetSpentError, match="goes on"):
        await desk.run(seconds=0.1)


async def test_each_session_brings_a_list_where_calls_are_many(desk: Desk) -> None:
    let_newest_be(desk.source, SESSIONS[0])
    await desk.reference.refresh(0)
    let_newest_be(desk.source, SESSIONS[1])
    await desk.warming.run(SESSIONS[1], COUNT, until=asyncio.get_running_loop().time() + 5)
    assert desk.source.asked["listings"] == 2


async def test_only_a_stale_list_is_asked_for_anew_where_calls_are_few(desk: Desk) -> None:
    desk.source.pace = Pace("basic", 12.0)
    days = sessions_ending(LATEST, STALE_SESSIONS + 2)
    let_newest_be(desk.source, days[0])
    await desk.reference.refresh(0)
    for day, asked in ((days[-2], 1), (days[-1], 2)):
        let_newest_be(desk.source, day)
        await desk.warming.run(day, COUNT, until=asyncio.get_running_loop().time() + 5)
        assert desk.source.asked["listings"] == asked


async def test_it_warms_after_the_start_and_in_the_morning(desk: Desk) -> None:
    desk.warming.start(WarmPlan(COUNT, AT), desk.clock)
    await desk.until(lambda: all(session in desk.cache for session in SESSIONS))
    assert desk.timer.slept[0] == START_S
    assert desk.clock() < AFTER_CLOSE + timedelta(minutes=1)
    await desk.until(lambda: desk.clock() > new_york("2025-10-01T08:00"))
    let_newest_be(desk.source, date(2025, 10, 1))
    await desk.until(lambda: date(2025, 10, 1) in desk.cache)
    assert desk.clock() >= new_york("2025-10-01T08:00")


async def test_without_sessions_it_waits_for_the_morning(desk: Desk) -> None:
    desk.warming.start(WarmPlan(0, AT), desk.clock)
    await desk.until(lambda: desk.source.request_count > 0)
    assert desk.clock() >= new_york("2025-10-01T08:00")


async def test_without_a_time_it_ends_after_the_start(desk: Desk) -> None:
    desk.warming.start(WarmPlan(0, None), desk.clock)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert "warming" not in {task.get_name() for task in asyncio.all_tasks()}
    assert desk.source.request_count == 0


async def test_a_provider_that_fails_is_asked_again_later_and_later(desk: Desk) -> None:
    desk.source.failures[LATEST] = [ProviderUnavailableError("down") for _ in range(1000)]
    desk.source.failing = True
    desk.warming.start(WarmPlan(COUNT, None), desk.clock)
    await desk.until(lambda: len(desk.timer.slept) == 4)
    desk.source.failures.clear()
    desk.source.failing = False
    await desk.until(lambda: LATEST in desk.cache)
    assert desk.timer.slept == [START_S, BACKOFF_S, 2 * BACKOFF_S, 4 * BACKOFF_S]


async def test_a_provider_that_stays_down_is_given_up_until_the_morning(desk: Desk) -> None:
    desk.source.failures[LATEST] = [ProviderUnavailableError("down") for _ in range(1000)]
    desk.source.failing = True
    desk.warming.start(WarmPlan(COUNT, AT), desk.clock)
    await desk.until(lambda: len(desk.timer.slept) > ATTEMPTS + 1)
    desk.source.failures.clear()
    await desk.until(lambda: LATEST in desk.cache)
    assert desk.clock() >= new_york("2025-10-01T08:00")


async def test_a_clock_that_jumps_back_makes_it_wait_longer(desk: Desk) -> None:
    clocks = [AFTER_CLOSE, new_york("2025-10-01T07:59"), AFTER_CLOSE, new_york("2025-10-01T07:58")]

    def clock() -> datetime:
        return clocks.pop(0) if clocks else new_york("2025-10-01T08:00")

    desk.warming.start(WarmPlan(0, AT), clock)
    await desk.until(lambda: desk.source.request_count > 0)
    assert desk.timer.slept[:3] == [60.0, 300.0, 120.0]


async def test_closing_in_the_middle_ends_the_run(desk: Desk) -> None:
    desk.source.hold = asyncio.Event()
    desk.warming.start(WarmPlan(COUNT, AT), desk.clock)
    await desk.until(lambda: desk.source.in_flight > 0)
    await desk.warming.close()
    assert "warming" not in {task.get_name() for task in asyncio.all_tasks()}
