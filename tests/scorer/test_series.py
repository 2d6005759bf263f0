"""Which bars factors see, and who has too few of them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.market.early import STEP
from services.market.omission import Omission
from services.market.scoring import HistoryRules, ScoringConfig
from services.market.vocabulary import Flag, Reason
from services.scorer.series import Series, carry_series, fetched_run
from tests.scorer import markets

RULES = ScoringConfig.load().history
SMALL = HistoryRules(sessions=12, early_sessions=7, minimum_bars=3, stale_sessions=2, thin_window=6, thin_carried=2)
S = markets.SESSIONS


def series_of(
    present: NDArray[np.bool_], rules: HistoryRules = RULES, fetched: NDArray[np.bool_] | None = None
) -> Series:
    """Carry one symbol that has a bar where `present` says so."""
    bars = markets.walk(1, sessions=len(present))
    bars[:, ~present] = np.nan
    return carry_series(markets.panel_of(bars, fetched), rules)


def has(series: Series, flag: Flag) -> bool:
    return bool(series.flags[0] & np.uint32(flag))


def reasons(series: Series) -> tuple[tuple[str, Reason], ...]:
    """Return who is left out, and why."""
    return tuple((omission.symbol, omission.reason) for omission in series.omissions)


def test_a_session_without_a_bar_is_carried_at_the_previous_close() -> None:
    present = np.ones(S, np.bool_)
    present[[100, 101, 250]] = False
    bars = markets.walk(1)
    series = series_of(present)
    for gap, before in ((100, 99), (101, 99), (250, 249)):
        assert (series.bars[:4, gap, 0] == bars[3, before, 0]).all()
        assert series.bars[4, gap, 0] == 0
    assert np.array_equal(series.bars[:, present], bars[:, present])
    assert series.flags[0] == 0


def test_sessions_before_the_first_bar_are_nan() -> None:
    series = series_of(np.arange(S) >= 200)
    assert np.isnan(series.bars[:, :200]).all()
    assert not np.isnan(series.bars[:, 200:]).any()
    assert series.first.tolist() == [200]


@pytest.mark.parametrize("age", range(1, RULES.stale_sessions + 1))
def test_a_last_bar_of_up_to_five_sessions_ago_is_carried_to_as_of_and_flagged(age: int) -> None:
    series = series_of(np.arange(S) < S - age)
    assert has(series, Flag.STALE_DATA)
    assert series.scored.all()
    assert (series.bars[3, -age - 1 :, 0] == series.bars[3, -age - 1, 0]).all()


def test_a_last_bar_of_six_sessions_ago_is_an_omission() -> None:
    series = series_of(np.arange(S) < S - RULES.stale_sessions - 1)
    assert series.omissions == (Omission("S0", Reason.STALE_DATA, 6.0, close=series.bars[3, -1, 0]),)
    assert not series.scored.any()


@pytest.mark.parametrize(("carried", "flagged"), [(12, False), (13, True)])
def test_more_than_twelve_carried_of_the_last_sixty_is_thin(carried: int, *, flagged: bool) -> None:
    present = np.ones(S, np.bool_)
    present[S - 60 : S - 60 + carried] = False
    assert has(series_of(present), Flag.THIN_TRADING) is flagged


def test_gaps_before_the_last_sixty_sessions_are_not_thin() -> None:
    present = np.ones(S, np.bool_)
    present[S - 200 : S - 60] = False
    assert not has(series_of(present), Flag.THIN_TRADING)


@pytest.mark.parametrize(("bars", "omissions"), [(60, ()), (59, (("S0", Reason.TOO_LITTLE_HISTORY),))])
def test_fewer_than_sixty_bars_is_an_omission(bars: int, omissions: tuple[tuple[str, Reason], ...]) -> None:
    series = series_of(np.arange(S) >= S - bars)
    assert reasons(series) == omissions
    assert {(it.value, it.close) for it in series.omissions} <= {(59.0, series.bars[3, -1, 0])}


def test_carried_sessions_are_no_bars() -> None:
    present = (np.arange(S) >= S - 100) & (np.arange(S) % 2 == 1)
    assert reasons(series_of(present)) == (("S0", Reason.TOO_LITTLE_HISTORY),)


def test_no_bar_at_all_is_an_omission() -> None:
    assert series_of(np.zeros(S, np.bool_)).omissions == (Omission("S0", Reason.NO_DATA),)


def test_sessions_before_the_history_are_never_looked_at() -> None:
    long = markets.walk(2, sessions=S + 50)
    long[:, 50:, 1] = np.nan
    series = carry_series(markets.panel_of(long), RULES)
    assert series.omissions == (Omission("S1", Reason.NO_DATA),)
    assert np.array_equal(series.bars[:, :, 0], long[:, 50:, 0])


def test_a_long_hole_cuts_the_series_to_what_is_behind_it_and_flags_everybody() -> None:
    fetched = np.ones(S, np.bool_)
    fetched[76:81] = False
    series = series_of(np.ones(S, np.bool_), fetched=fetched)
    assert has(series, Flag.EARLY_HISTORY)
    assert np.isnan(series.bars[:, :81]).all()
    assert not np.isnan(series.bars[:, 81:]).any()
    assert series.first.tolist() == [81]


def test_over_a_short_hole_closes_are_carried() -> None:
    fetched = np.ones(S, np.bool_)
    fetched[77:81] = False
    series = series_of(fetched, fetched=fetched)
    assert has(series, Flag.EARLY_HISTORY)
    assert series.first.tolist() == [0]
    assert (series.bars[:4, 77:81] == series.bars[3, 76]).all()
    assert (series.bars[4, 77:81] == 0).all()


def test_the_series_of_a_run_does_not_see_what_is_before_the_hole() -> None:
    fetched = np.ones(S, np.bool_)
    fetched[76:81] = False
    present = np.ones(S, np.bool_)
    present[80:90] = False
    series = series_of(present, fetched=fetched)
    assert np.isnan(series.bars[:, :90]).all()


def test_a_symbol_whose_bars_all_lie_before_the_hole_is_stale() -> None:
    fetched = np.ones(S, np.bool_)
    fetched[76:81] = False
    (omission,) = series_of(np.arange(S) < 76, fetched=fetched).omissions
    # Its closes are not looked at: there is none to tell.
    assert omission == Omission("S0", Reason.STALE_DATA, S - 76.0)


def test_the_newest_210_sessions_are_enough_and_209_are_not() -> None:
    fetched = np.arange(S) >= S - 210
    assert series_of(np.ones(S, np.bool_), fetched=fetched).scored.all()
    fetched[S - 210] = False
    series = series_of(np.ones(S, np.bool_), fetched=fetched)
    assert series.omissions == (Omission("S0", Reason.BUDGET_SPENT),)
    assert not series.scored.any()


def test_a_panel_that_starts_after_the_history_is_early() -> None:
    assert has(series_of(np.ones(250, np.bool_)), Flag.EARLY_HISTORY)
    assert not has(series_of(np.ones(250, np.bool_), replace(RULES, sessions=250)), Flag.EARLY_HISTORY)


def test_read_only_bars_are_carried_and_left_alone() -> None:
    bars = markets.walk(2)
    bars[:, 50, 0] = np.nan
    bars.flags.writeable = False
    assert carry_series(markets.panel_of(bars), RULES).scored.all()
    assert np.isnan(bars[:, 50, 0]).all()


def test_closes_are_those_of_scored_symbols() -> None:
    bars = markets.walk(3)
    bars[:, :, 1] = np.nan
    closes = carry_series(markets.panel_of(bars), RULES).closes()
    assert set(closes) == {"S0", "S2"}
    assert np.array_equal(closes["S2"], bars[3, :, 2])


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20))
@settings(max_examples=200, deadline=None)
def test_series_equals_a_plain_transcription_of_the_rules(days: list[tuple[bool, bool]]) -> None:
    fetched = np.array([day[0] for day in days], np.bool_)
    present = np.array([day[1] for day in days], np.bool_)
    bars = markets.walk(1, sessions=len(days))
    series = series_of(present, SMALL, fetched)
    reason, flags, rows = plain_series(bars[:, :, 0], present, fetched)
    assert reasons(series) == ((("S0", reason),) if reason else ())
    if reason is None:
        assert series.flags[0] == flags
        assert np.array_equal(series.bars[:, :, 0], np.array(rows).T, equal_nan=True)


def plain_series(
    bars: NDArray[np.float64], present: NDArray[np.bool_], fetched: NDArray[np.bool_]
) -> tuple[Reason | None, Flag, list[list[float]]]:
    """Carry one symbol session by session, by SMALL's rules."""
    run = 0
    while run < min(len(fetched), SMALL.sessions) and fetched[-run - 1]:
        run += 1
    if run < SMALL.early_sessions:
        return Reason.BUDGET_SPENT, Flag(0), []
    flags = Flag(0) if run == SMALL.sessions else Flag.EARLY_HISTORY
    newest = range(max(0, len(fetched) - SMALL.sessions), len(fetched))
    start = len(fetched) - run
    while older := [t for t in newest if start - STEP <= t < start and fetched[t]]:
        start = older[-1]
    rows: list[list[float]] = []
    carried: list[bool] = []
    close = math.nan
    for t in newest:
        inside, seen = t >= start, not math.isnan(close)
        traded = inside and bool(present[t])
        row = bars[:, t].tolist() if traded else [close] * 4 + [0.0 if seen else math.nan]
        close = row[3] if inside else math.nan
        rows.append(row)
        carried.append(seen and not traded)
    ages = [len(fetched) - 1 - t for t in newest if present[t]]
    if not ages:
        return Reason.NO_DATA, flags, rows
    if min(ages) > SMALL.stale_sessions:
        return Reason.STALE_DATA, flags, rows
    if sum(age < len(fetched) - start for age in ages) < SMALL.minimum_bars:
        return Reason.TOO_LITTLE_HISTORY, flags, rows
    flags |= Flag.STALE_DATA if min(ages) else Flag(0)
    flags |= Flag.THIN_TRADING if sum(carried[-SMALL.thin_window :]) > SMALL.thin_carried else Flag(0)
    return None, flags, rows


@given(st.lists(st.booleans(), max_size=20))
def test_the_fetched_run_is_counted_from_the_newest_session(fetched: list[bool]) -> None:
    run = fetched_run(np.array(fetched, np.bool_))
    assert all(fetched[len(fetched) - run :])
    assert run == len(fetched) or not fetched[len(fetched) - run - 1]
