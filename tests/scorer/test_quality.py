"""SUSPECT_DATA: each rule on hand-made series and at its border, and silence where there is nothing to say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.market.panel import Panel
from services.market.scoring import CONFIG_PATH, QualityRules, ScoringConfig
from services.market.vocabulary import Flag
from services.scorer.block import score_panel
from services.scorer.engine import FactorEngine
from services.scorer.quality import suspect_flags
from services.scorer.series import carry_series
from tests.scorer import markets
from tests.scorer.test_real_bars import DATA, read_panel

CONFIG = ScoringConfig.load()
RULES = CONFIG.quality
S = markets.SESSIONS
AT = 200

Bars = NDArray[np.float64]


def suspect(bars: Bars, rules: QualityRules = RULES, fetched: NDArray[np.bool_] | None = None) -> list[bool]:
    panel = markets.panel_of(bars, fetched)
    flags = suspect_flags(panel, carry_series(panel, CONFIG.history), rules)
    assert set(flags.tolist()) <= {0, int(Flag.SUSPECT_DATA)}
    return [bool(flag) for flag in flags]


def quiet() -> Bars:
    """One symbol whose close goes up and down by 1 %, and whose volume does not vary."""
    close = np.where(np.arange(S) % 2, 50.5, 50.0)
    return np.stack([close, close * 1.01, close * 0.99, close, np.full(S, 1e6)])[:, :, None]


def scaled(bars: Bars, sessions: slice, price: float, volume: float = 1.0) -> Bars:
    changed = bars.copy()
    changed[:4, sessions] *= price
    changed[4, sessions] *= volume
    return changed


def only(**kept: object) -> QualityRules:
    """Rules with all others far out of reach."""
    off: dict[str, object] = {"max_range": 1e99, "spike_move": 1e99, "frozen_bars": 10**6, "base_ratios": (1e99,)}
    return replace(RULES, **{**off, **kept})  # type: ignore[arg-type]  # fields of several types


def test_quiet_bars_are_believed() -> None:
    assert suspect(quiet()) == [False]


@pytest.mark.parametrize(("top", "expected"), [(2.99, False), (3.01, True)])
def test_a_bar_that_spans_more_than_three_times_its_low_is_suspect(top: float, expected: bool) -> None:  # noqa: FBT001
    bars = quiet()
    bars[1, AT] = top * bars[2, AT]
    assert suspect(bars) == [expected]


def test_the_limit_itself_is_believed() -> None:
    bars = quiet()
    bars[:, AT, 0] = (8.0, 12.0, 4.0, 8.0, 1e6)
    bars[:4, AT - 1], bars[:4, AT + 1] = 8.0, 8.0
    assert suspect(scaled(bars, slice(0, AT), 0.16), replace(RULES, spike_move=9.0)) == [False]


@pytest.mark.parametrize("at", [0, S - 1])
def test_the_first_and_the_last_bar_are_looked_at(at: int) -> None:
    bars = quiet()
    bars[1, at] = 4.0 * bars[2, at]
    assert suspect(bars) == [True]


@pytest.mark.parametrize(
    ("move", "back", "expected"),
    [
        (1.54, 1.0, True),  # less 1 % is above 1.5
        (1.45, 1.0, False),
        (1 / 1.55, 1.0, True),
        (1 / 1.45, 1.0, False),
        (1.8, 1.10, True),
        (1.8, 1.15, False),
        (1.8, 0.92, True),
        (1.8, 0.85, False),
        (1 / 15, 0.92, True),
    ],
)
def test_a_spike_is_suspect_if_the_next_session_undoes_it(move: float, back: float, expected: bool) -> None:  # noqa: FBT001
    bars = scaled(scaled(quiet(), slice(AT, AT + 1), move), slice(AT + 1, None), back)
    assert suspect(bars, only(spike_move=RULES.spike_move)) == [expected]


def test_a_spike_that_is_undone_two_sessions_later_is_a_move() -> None:
    assert suspect(scaled(quiet(), slice(AT, AT + 2), 1.65)) == [False]


def test_the_newest_move_is_no_spike_yet() -> None:
    assert suspect(scaled(quiet(), slice(S - 1, None), 1.8)) == [False]


def freeze(bars: Bars, count: int, volume: float) -> Bars:
    frozen = bars.copy()
    frozen[:4, AT : AT + count] = frozen[:4, AT : AT + 1]
    frozen[4, AT : AT + count] = volume
    return frozen


@pytest.mark.parametrize("volume", [0.0, 300.0])
@pytest.mark.parametrize(("count", "expected"), [(RULES.frozen_bars, True), (RULES.frozen_bars - 1, False)])
def test_bars_that_repeat_with_one_volume_or_none_are_suspect(volume: float, count: int, expected: bool) -> None:  # noqa: FBT001
    assert suspect(freeze(quiet(), count, volume)) == [expected]


def test_a_pinned_price_with_a_volume_of_its_own_each_day_is_believed() -> None:
    bars = freeze(quiet(), 100, 300.0)
    bars[4, :, 0] += np.arange(S)
    assert suspect(bars) == [False]


def test_one_other_high_is_enough_to_be_alive() -> None:
    bars = freeze(quiet(), 12, 300.0)
    bars[1, AT + 6] *= 1.001
    assert suspect(bars) == [False]


def test_sessions_without_a_bar_are_not_frozen_bars() -> None:
    bars = quiet()
    bars[:, AT : AT + 40] = np.nan
    assert suspect(bars) == [False]
    repeated = freeze(quiet(), 16, 300.0)
    repeated[:, AT + 8] = np.nan
    assert suspect(repeated) == [False]


@pytest.mark.parametrize("ratio", [2.0, 3.0, 10.0, 25.0, 1 / 2, 1 / 5, 1 / 20])
def test_a_split_that_was_not_applied_is_suspect(ratio: float) -> None:
    assert suspect(scaled(quiet(), slice(0, AT), ratio, 1 / ratio)) == [True]
    # Also on the day itself, when nothing is known of what follows.
    assert suspect(scaled(quiet(), slice(0, S - 1), ratio, 1 / ratio)) == [True]


@pytest.mark.parametrize(
    ("ratio", "volume", "expected"),
    [
        (2.0, 0.5 * 4.0, True),  # volume misses the inverse of the ratio by less than a factor of 5
        (2.0, 0.5 * 6.0, False),
        (2.0, 0.5 / 4.0, True),
        (2.0, 0.5 / 6.0, False),
        (1.6, 1 / 1.6, False),  # between the ratios
        (2.45, 1 / 2.45, False),
        (2.15, 1 / 2.15, True),
        (1.5, 1 / 1.5, False),  # no simple ratio of ours: crashes of a third are common
    ],
)
def test_a_jump_of_the_base_needs_a_ratio_and_its_volume(ratio: float, volume: float, expected: bool) -> None:  # noqa: FBT001
    assert suspect(scaled(quiet(), slice(0, AT), ratio, volume)) == [expected]


def test_a_crash_during_the_session_is_no_new_base() -> None:
    bars = scaled(quiet(), slice(0, AT), 2.0, 0.5)
    bars[0, AT] = bars[1, AT] = bars[3, AT - 1]
    assert suspect(bars) == [False]


def test_a_jump_too_early_to_compare_volumes_is_passed_over() -> None:
    window = RULES.base_window
    assert suspect(scaled(quiet(), slice(0, window), 2.0, 0.5)) == [True]
    assert suspect(scaled(quiet(), slice(0, window - 1), 2.0, 0.5)) == [False]


def test_only_what_is_behind_a_long_hole_is_judged() -> None:
    bars = quiet()
    bars[1, 20] = 4.0 * bars[2, 20]
    assert suspect(bars) == [True]
    fetched = (np.arange(S) < 50) | (np.arange(S) >= 55)
    bars[:, 50:55] = np.nan
    assert suspect(bars, fetched=fetched) == [False]


def test_who_is_not_scored_is_not_judged() -> None:
    bars = quiet()
    bars[1, AT] = 4.0 * bars[2, AT]
    bars[:, AT + 1 :] = np.nan
    assert suspect(bars) == [False]
    assert suspect(np.full((5, S, 2), np.nan)) == [False, False]
    assert suspect(quiet(), fetched=np.zeros(S, np.bool_)) == [False]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), volatility=st.floats(0.001, 0.03))
def test_smooth_walks_are_believed(seed: int, volatility: float) -> None:
    assert not any(suspect(markets.walk(20, seed=seed, volatility=volatility)))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(-40, 40))
def test_the_unit_of_prices_and_volumes_does_not_matter(seed: int, power: int) -> None:
    bars = markets.walk(20, seed=seed, volatility=0.3)
    unit = np.array([2.0**power] * 4 + [2.0**-power])[:, None, None]
    found = suspect(bars)
    assert any(found)
    assert suspect(bars * unit) == found


def test_a_symbol_is_judged_alike_in_any_block() -> None:
    bars = np.concatenate(
        [markets.walk(300, seed=1, volatility=0.3), np.stack(list(markets.oddities().values()), 2)], 2
    )
    found = suspect(bars)
    assert 10 < sum(found) < len(found) - 10
    assert [suspect(bars[:, :, j : j + 1])[0] for j in range(len(found))] == found


def test_the_flag_is_added_to_those_of_the_panel_and_removes_nothing() -> None:
    bars = np.concatenate([quiet(), scaled(quiet(), slice(AT, AT + 1), 1.8)], axis=2)
    panel = replace(markets.panel_of(bars), flags=np.array([Flag.PROVISIONAL, Flag.PROVISIONAL], np.uint32))
    block = score_panel(panel, None, FactorEngine(CONFIG))
    assert block.symbols == ("S0", "S1")
    judged = [Flag(int(flags)) & (Flag.SUSPECT_DATA | Flag.PROVISIONAL) for flags in block.flags]
    assert judged == [Flag.PROVISIONAL, Flag.SUSPECT_DATA | Flag.PROVISIONAL]


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("max_range = 3.0", "max_range = 1.0"),
        ("spike_move = 1.5", "spike_move = 0.5"),
        ("spike_undone = 0.12", "spike_undone = 0.5"),
        ("frozen_bars = 10", "frozen_bars = 1"),
        ("base_ratios = [2.0, 3.0,", "base_ratios = [3.0, 2.0,"),
        ("base_tolerance = 0.10", "base_tolerance = 0.5"),
        ("base_window = 10", "base_window = 0"),
        ("base_volume = 5.0", "base_volume = 0.5"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(tmp_path: Path, line: str, instead: str) -> None:
    text = CONFIG_PATH.read_text()
    assert line in text
    changed = tmp_path / "scoring.toml"
    changed.write_text(text.replace(line, instead))
    with pytest.raises(ValueError, match=rf"\[quality\] {line.split(maxsplit=1)[0]}"):
        ScoringConfig.load(changed)


@pytest.fixture(scope="module")
def windows() -> dict[str, Panel]:
    """The newest 300 sessions of two sets of real bars."""
    if not DATA.is_dir():
        pytest.skip("needs the real market data in ../shared/data")
    found = {}
    for name in ("bars_2025", "bars_2026"):
        whole = read_panel(DATA / f"{name}.parquet")
        found[name] = Panel(
            whole.symbols, whole.session_days[-300:], whole.session_fetched[-300:], whole.bars[:, -300:].copy()
        )
    return found


@pytest.mark.real_data
def test_known_dirt_of_the_real_bars_is_found_by_its_rule(windows: dict[str, Panel]) -> None:
    cases = {
        ("bars_2025", "GSAT"): only(spike_move=RULES.spike_move),  # a split on the wrong day, for one session
        ("bars_2025", "MULN"): only(max_range=RULES.max_range),
        ("bars_2026", "GOEV"): only(frozen_bars=RULES.frozen_bars),  # the same bar for 248 sessions
    }
    for (name, symbol), rules in cases.items():
        panel = windows[name]
        series = carry_series(panel, CONFIG.history)
        place = panel.symbols.index(symbol)
        assert series.scored[place], symbol
        assert suspect_flags(panel, series, rules)[place] == Flag.SUSPECT_DATA, symbol


@pytest.mark.real_data
def test_few_real_symbols_are_flagged_and_hardly_any_liquid_one(windows: dict[str, Panel]) -> None:
    panel = windows["bars_2025"]
    series = carry_series(panel, CONFIG.history)
    found = suspect_flags(panel, series, RULES) != 0
    dollars = np.median(series.bars[3, -60:] * series.bars[4, -60:], axis=0)
    liquid = series.scored & (dollars >= 1e6) & (series.bars[3, -1] >= 2)
    assert 0.02 < found[series.scored].mean() < 0.10
    assert found[liquid].mean() < 0.02
