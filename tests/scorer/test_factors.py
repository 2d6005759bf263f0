"""Every factor against its oracle, and against its own declaration."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.market.panel import FIELDS
from services.market.scoring import ScoringConfig
from services.scorer.engine import FactorEngine
from services.scorer.factors import FACTORS
from services.scorer.factors.spec import FactorSpec, NanRule
from services.scorer.indicators import Indicators
from services.scorer.series import Series, carry_series
from tests.scorer import markets, oracles, plain
from tests.scorer.tolerance import tolerance

RULES = ScoringConfig.load().history
ODDITIES = markets.oddities()
SPY = markets.benchmark()


@pytest.fixture(scope="module")
def odd_series() -> Series:
    return carry_series(markets.panel_of(np.stack(list(ODDITIES.values()), axis=2)), RULES)


@pytest.fixture(scope="module")
def odd_values(odd_series: Series) -> np.ndarray:
    return FactorEngine(ScoringConfig.load()).compute(odd_series, SPY)


def test_every_factor_has_an_oracle() -> None:
    assert {spec.name for spec in FACTORS} == set(oracles.ORACLES)


def test_oddities_are_all_scored(odd_series: Series) -> None:
    assert odd_series.omissions == ()


@pytest.mark.parametrize(("column", "spec"), list(enumerate(FACTORS)), ids=[spec.name for spec in FACTORS])
def test_factor_equals_its_oracle(column: int, spec: FactorSpec, odd_series: Series, odd_values: np.ndarray) -> None:
    for j, oddity in enumerate(ODDITIES):
        bars = plain.Bars.of(odd_series, j, SPY)
        expected, value = oracles.value(spec.name, bars), odd_values[j, column]
        assert math.isnan(value) == math.isnan(expected), f"{oddity}: {value} instead of {expected}"
        if not math.isnan(expected):
            assert abs(value - expected) <= tolerance(spec, expected, bars), f"{oddity}: {value} instead of {expected}"


@pytest.fixture(scope="module")
def staggered() -> Series:
    """Symbol j has its first bar j sessions before as_of."""
    bars = markets.walk(260, seed=21)
    for j in range(bars.shape[2]):
        bars[:, : markets.SESSIONS - j - 1, j] = np.nan
    return carry_series(markets.panel_of(bars), replace(RULES, minimum_bars=1))


@pytest.mark.parametrize("spec", FACTORS, ids=[spec.name for spec in FACTORS])
def test_factor_exists_from_its_lookback_on_and_not_before(spec: FactorSpec, staggered: Series) -> None:
    values = spec.formula(Indicators(staggered, SPY))[-1]
    # With too few sessions behind it a ratio can be 0 / 0 by chance of the window; it can never be a number too early.
    assert np.isnan(values[: spec.lookback - 1]).all()
    assert np.isfinite(values[spec.lookback - 1 :]).all()


def _wide(bars: np.ndarray) -> np.ndarray:
    """Widen the ranges, so that flags which compare them are sometimes 1."""
    wide: np.ndarray = bars * np.array([1.0, 1.02, 0.98, 1.0, 1.0])[:, None, None]
    return wide


@pytest.mark.parametrize("spec", FACTORS, ids=[spec.name for spec in FACTORS])
def test_bars_older_than_the_lookback_matter_only_to_recursions(spec: FactorSpec) -> None:
    bars, spy = _wide(markets.walk(40, seed=22)), SPY.copy()
    changed, changed_spy = bars.copy(), spy.copy()
    older = markets.SESSIONS - spec.lookback
    changed[:, :older] *= np.geomspace(1.1, 1.5 if spec.recursive else 1e12, older)[:, None]
    changed_spy[:older] *= 3.0
    values = spec.formula(Indicators(carry_series(markets.panel_of(bars), RULES), spy))[-1]
    others = spec.formula(Indicators(carry_series(markets.panel_of(changed), RULES), changed_spy))[-1]
    assert np.array_equal(values, others) is not spec.recursive


@pytest.mark.parametrize("spec", FACTORS, ids=[spec.name for spec in FACTORS])
def test_factor_reads_the_inputs_that_it_declares_and_no_others(spec: FactorSpec) -> None:
    bars = _wide(markets.walk(40, seed=23, drift=0.004))
    noise = 1.0 + 0.3 * np.random.default_rng(1).random(bars.shape[1:])
    series = carry_series(markets.panel_of(bars), RULES)
    values = spec.formula(Indicators(series, SPY))[-1]
    for field in (*FIELDS, "benchmark"):
        altered, spy = bars.copy(), SPY * noise[:, 0] if field == "benchmark" else SPY
        if field != "benchmark":
            altered[FIELDS.index(field)] *= noise
        others = spec.formula(Indicators(carry_series(markets.panel_of(altered), RULES), spy))[-1]
        assert np.array_equal(values, others) is (field not in spec.inputs), field


def test_history_rows_end_with_the_scan_value_and_see_nothing_later() -> None:
    bars = markets.walk(5, seed=24)
    whole = Indicators(carry_series(markets.panel_of(bars), RULES), SPY, rows=markets.SESSIONS)
    early = replace(RULES, sessions=270)
    cut = Indicators(carry_series(markets.panel_of(bars[:, :270]), early), SPY[:270])
    last = Indicators(carry_series(markets.panel_of(bars), RULES), SPY)
    for spec in FACTORS:
        history = spec.formula(whole)
        assert history.shape == (markets.SESSIONS, 5)
        assert np.array_equal(history[-1], spec.formula(last)[-1]), spec.name
        assert np.array_equal(history[269], spec.formula(cut)[-1]), spec.name


@given(st.integers(min_value=1, max_value=markets.SESSIONS), st.sampled_from(sorted(ODDITIES)))
@settings(max_examples=40, deadline=None)
def test_cutting_future_sessions_changes_no_value(end: int, oddity: str) -> None:
    rules = replace(RULES, minimum_bars=1, early_sessions=1)
    bars = np.stack([ODDITIES[oddity], ODDITIES["plain 0"]], axis=2)
    whole = Indicators(carry_series(markets.panel_of(bars), rules), SPY, rows=markets.SESSIONS)
    past = carry_series(markets.panel_of(np.ascontiguousarray(bars[:, :end])), replace(rules, sessions=end))
    cut = Indicators(past, SPY[:end], rows=end)
    with np.errstate(all="ignore"):
        for spec in FACTORS:
            assert np.array_equal(spec.formula(whole)[:end], spec.formula(cut), equal_nan=True), spec.name


def _scenarios() -> dict[NanRule, tuple[NanRule, ...]]:
    """Give, for each kind of bars, the rules by which a factor has no value on them."""
    flat = (NanRule.FLAT, NanRule.FLAT_OR_NO_BENCHMARK, NanRule.NO_FALLS)
    volume = (NanRule.NO_VOLUME, NanRule.SAME_VOLUME, NanRule.NO_FALLS)
    spy = (NanRule.NO_BENCHMARK, NanRule.FLAT_OR_NO_BENCHMARK)
    return {
        NanRule.SHORT: (),
        NanRule.FLAT: flat,
        NanRule.NO_VOLUME: volume,
        NanRule.SAME_VOLUME: (NanRule.SAME_VOLUME,),
        NanRule.NO_FALLS: (NanRule.NO_FALLS,),
        NanRule.NO_BENCHMARK: spy,
    }


@pytest.mark.parametrize(("kind", "rules"), list(_scenarios().items()), ids=[rule.name for rule in _scenarios()])
def test_factor_is_missing_by_its_rule_and_only_then(kind: NanRule, rules: tuple[NanRule, ...]) -> None:
    bars = markets.walk(1, seed=26)
    if kind is NanRule.FLAT:
        bars[:4] = 0.7
    elif kind is NanRule.NO_VOLUME:
        bars[4] = 0.0
    elif kind is NanRule.SAME_VOLUME:
        bars[4] = 3.3
    elif kind is NanRule.NO_FALLS:
        bars[:4] *= 1.2 ** np.arange(markets.SESSIONS)[:, None]
    spy = np.full(markets.SESSIONS, np.nan) if kind is NanRule.NO_BENCHMARK else SPY
    values = FactorEngine(ScoringConfig.load()).compute(carry_series(markets.panel_of(bars), RULES), spy)[0]
    missing = {spec.name for spec, value in zip(FACTORS, values, strict=True) if math.isnan(value)}
    assert missing == {spec.name for spec in FACTORS if spec.nan_rule in rules}


def test_every_lookback_lies_in_the_history_that_a_scan_fetches() -> None:
    assert max(spec.lookback for spec in FACTORS) <= RULES.sessions


def test_values_are_never_infinite_even_at_a_price_of_zero() -> None:
    bars = np.zeros((5, markets.SESSIONS, 1))
    values = FactorEngine(ScoringConfig.load()).compute(carry_series(markets.panel_of(bars), RULES), SPY)
    assert not np.isinf(values).any()


def test_without_a_benchmark_market_relative_factors_are_missing_and_no_others() -> None:
    series = carry_series(markets.panel_of(markets.walk(3, seed=25)), RULES)
    engine = FactorEngine(ScoringConfig.load())
    values = engine.compute(series, None)
    relative = np.array(["benchmark" in spec.inputs for spec in FACTORS])
    assert np.isnan(values[:, relative]).all()
    assert np.array_equal(values[:, ~relative], engine.compute(series, SPY)[:, ~relative])


def test_a_benchmark_of_other_sessions_is_refused() -> None:
    series = carry_series(markets.panel_of(markets.walk(1)), RULES)
    with pytest.raises(ValueError, match="benchmark"):
        FactorEngine(ScoringConfig.load()).compute(series, SPY[1:])


def test_two_factors_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        FactorEngine(ScoringConfig.load(), (FACTORS[0], FACTORS[0]))
