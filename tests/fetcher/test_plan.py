"""The fetch plan: the fewer calls, the newest first, nothing that the provider would refuse; and says why."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.plan import FetchPlan, Holding, plan_fetch
from services.fetcher.source import Pace
from services.market.sessions import sessions_ending

LATEST = date(2025, 9, 30)
WINDOW = sessions_ending(LATEST, 300)
BASIC = Pace("basic", 12.24)
FREE = Pace("advanced", 0.0)


def holding(*, memory: int = 0, stored: int = 0) -> Holding:
    """Hold the oldest sessions of the window: some in memory, some more in the store."""
    return Holding(WINDOW, frozenset(WINDOW[:memory]), frozenset(WINDOW[memory : memory + stored]))


def names(count: int) -> tuple[str, ...]:
    return tuple(f"S{number}" for number in range(count))


def test_nothing_missing_takes_no_call() -> None:
    plan = plan_fetch(holding(memory=100, stored=200), names(6000), BASIC, None, 90)
    assert plan == FetchPlan((), (), False, frozenset(), "every session that can be asked for is there", 0.0)


def test_the_whole_market_comes_by_sessions_newest_first() -> None:
    plan = plan_fetch(holding(stored=10), names(6000), FREE, None, 90)
    assert plan.sessions == WINDOW[:9:-1]
    assert (plan.symbols, plan.by_symbol) == ((), False)
    assert plan.reason == "290 missing sessions of the whole market, not 6,000 symbols one by one"


def test_a_few_symbols_come_one_by_one_with_the_newest_session() -> None:
    plan = plan_fetch(holding(), names(10), BASIC, None, 600)
    assert plan.by_symbol
    assert (plan.sessions, plan.symbols) == ((LATEST,), names(10))
    assert plan.least_s == pytest.approx(11 * 12.24)
    assert plan.reason == "10 symbols one by one and 1 session, not 300 sessions of the whole market"


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (73, (True, True, True)),
        (74, (False, True, False)),
        (240, (False, True, False)),
        (245, (False, False, False)),
    ],
)
def test_sessions_are_worth_some_more_calls_unless_only_symbols_come_in_time(
    count: int, expected: tuple[bool, bool, bool]
) -> None:
    # There is ample time; too little for 300 sessions; too little for either.
    found = tuple(plan_fetch(holding(), names(count), BASIC, None, left_s).by_symbol for left_s in (1e9, 3000, 600))
    assert found == expected


def test_files_give_sessions_whatever_is_asked() -> None:
    assert not plan_fetch(holding(), names(1), Pace(), None, 90).by_symbol


def test_what_is_on_its_way_costs_nothing() -> None:
    coming = Holding(WINDOW, frozenset(), frozenset(), coming=frozenset(WINDOW))
    plan = plan_fetch(coming, names(10), BASIC, None, 1e9)
    assert (plan.by_symbol, plan.sessions) == (False, WINDOW[::-1])


def test_symbols_that_are_kept_take_no_call() -> None:
    plan = plan_fetch(holding(), (), BASIC, None, 600)
    assert (plan.by_symbol, plan.sessions, plan.symbols) == (True, (LATEST,), ())


def test_a_session_behind_is_asked_for_even_by_one_symbol() -> None:
    plan = plan_fetch(holding(stored=299), names(1), FREE, None, 90)
    assert (plan.by_symbol, plan.sessions) == (False, (LATEST,))


def test_too_little_time_is_said_with_what_it_takes() -> None:
    plan = plan_fetch(holding(), names(6000), BASIC, None, 90)
    assert plan.sessions == WINDOW[::-1]
    assert plan.reason.endswith("; on plan basic this takes 3,672 s, and 90 s are left: what comes later is kept")


def test_sessions_before_the_plans_history_are_named_and_not_asked_for() -> None:
    plan = plan_fetch(holding(), names(6000), BASIC, WINDOW[40], 1e9)
    assert plan.sessions == WINDOW[:39:-1]
    assert plan.unreachable == frozenset(WINDOW[:40])
    assert plan.reason.endswith(f"; 40 sessions before {WINDOW[40]} lie outside the history of plan basic")


@given(
    memory=st.sets(st.integers(0, 299)),
    stored=st.sets(st.integers(0, 299)),
    count=st.integers(0, 700),
    first=st.one_of(st.none(), st.integers(0, 299)),
    left_s=st.floats(0, 5000),
)
def test_a_plan_never_asks_for_what_is_there_nor_more_than_the_cheaper_way_by_far(
    memory: set[int], stored: set[int], count: int, first: int | None, left_s: float
) -> None:
    there = {WINDOW[n] for n in memory | stored}
    held = Holding(WINDOW, frozenset(WINDOW[n] for n in memory), frozenset(WINDOW[n] for n in stored - memory))
    first_day = None if first is None else WINDOW[first]
    plan = plan_fetch(held, names(count), BASIC, first_day, left_s)
    askable = [session for session in WINDOW if session not in there and (first_day is None or session >= first_day)]
    newest = LATEST not in there and LATEST in askable
    calls, cheaper = len(plan.sessions) + len(plan.symbols), min(len(askable), count + newest)
    assert calls <= 4 * cheaper
    assert list(plan.sessions) == sorted(plan.sessions, reverse=True)
    assert set(plan.sessions) <= set(askable)
    assert plan.unreachable == set(WINDOW) - there - set(askable)
    assert plan == plan_fetch(held, names(count), BASIC, first_day, left_s)
