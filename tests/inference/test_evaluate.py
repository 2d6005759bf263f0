"""Figures of an evaluation against plain arithmetic."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inference.calibrate import calibrate
from services.inference.estimates import estimate, newey_west_error
from services.inference.evaluate import COST, broad, correlations, measure, spread, without_styles
from services.inference.labels import percentiles
from services.inference.training_set import TrainingSet
from tests.inference.training_rows import make_rows


@pytest.fixture(scope="module")
def rows() -> TrainingSet:
    return make_rows(sessions=30, symbols=100)


def test_correlations_are_those_of_numpy(rows: TrainingSet) -> None:
    guess = np.random.default_rng(1).standard_normal(len(rows))
    found = correlations(guess, rows.returns, rows.positions)
    wanted = [
        np.corrcoef(guess[100 * s : 100 * s + 100], rows.returns[100 * s : 100 * s + 100])[0, 1] for s in range(30)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_perfect_and_inverted_foresight_are_told_apart(rows: TrainingSet) -> None:
    assert measure(rows.returns, rows, 5).rank_ic.mean == pytest.approx(1)
    assert measure(-rows.returns, rows, 5).rank_ic.mean == pytest.approx(-1)
    assert measure(np.zeros(len(rows)), rows, 5).rank_ic.mean == 0


def test_a_missing_prediction_counts_as_the_median(rows: TrainingSet) -> None:
    some = np.where(rows.symbols == 7, np.nan, rows.returns)
    assert 0.95 < measure(some, rows, 5).rank_ic.mean < 1


def test_tenths_earn_their_difference_less_the_cost_of_what_is_replaced() -> None:
    rows = make_rows(sessions=2, symbols=20)
    returns = np.tile(np.linspace(-0.19, 0.19, 20), 2)
    rows = replace(rows, returns=returns)
    kept = percentiles(np.tile(np.arange(20.0), 2), rows.positions)
    held = spread(kept, rows, 1)
    assert held.gross == held.net == pytest.approx(0.36)
    assert held.turnover == 0
    turned = percentiles(np.concatenate([np.arange(20.0), -np.arange(20.0)]), rows.positions)
    swapped = spread(turned, rows, 1)
    assert swapped.turnover == 1
    assert swapped.gross == pytest.approx(0)
    # Both tenths are sold and bought anew once in two periods.
    assert swapped.net == pytest.approx(-4 * COST / 2)


def test_periods_do_not_overlap(rows: TrainingSet) -> None:
    assert measure(rows.returns, rows, 5).spread.periods == 30
    assert measure(rows.returns, rows, 10).spread.periods == 15
    assert measure(rows.returns, rows, 12).spread.periods == 10


def test_what_a_style_explains_is_taken_out(rows: TrainingSet) -> None:
    style = percentiles(rows.styles["a style"], rows.positions)
    left = without_styles(2 * style, rows)
    np.testing.assert_allclose(left, 0, atol=1e-9)


def test_sessions_with_few_names_are_not_looked_at() -> None:
    rows = make_rows(sessions=12, symbols=30)
    thin = (rows.positions == rows.positions[0]) & (rows.symbols >= 10)
    left = rows.of(~thin)
    np.testing.assert_array_equal(broad(left), left.positions > left.positions[0])
    assert not broad(rows.of(rows.positions < rows.positions[0] + 40)).any()


def test_the_slope_of_returns_on_predictions_is_found_again(rows: TrainingSet) -> None:
    guess = np.random.default_rng(2).standard_normal(len(rows))
    noisy = replace(rows, returns=0.01 * guess + 0.01 * np.random.default_rng(3).standard_normal(len(rows)))
    found = calibrate(guess, noisy, 5)
    assert found.slope == pytest.approx(0.01, rel=0.1)
    assert found.t > 10
    assert 0.99 < found.shrinkage < 1
    assert calibrate(-guess, noisy, 5).scale == 0
    assert calibrate(np.zeros(len(rows)), noisy, 5).scale == 0


def test_without_lags_the_error_is_the_plain_one() -> None:
    x = np.random.default_rng(4).standard_normal(50)
    assert newey_west_error(x, 0) == pytest.approx(x.std() / np.sqrt(50))


def test_figures_that_hang_together_have_a_larger_error() -> None:
    steps = np.repeat(np.random.default_rng(5).standard_normal(30), 4)
    assert newey_west_error(steps, 6) > 1.5 * newey_west_error(steps, 0)
    wide, narrow = estimate(steps, 3), estimate(np.random.default_rng(6).permutation(steps), 3)
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=10, max_size=60), st.integers(0, 3))
def test_an_interval_holds_its_mean(values: list[float], overlap: int) -> None:
    found = estimate(np.array(values), overlap)
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert found.ratio_low <= found.ratio <= found.ratio_high


def test_the_ratios_interval_is_the_means_over_the_same_deviation() -> None:
    values = np.random.default_rng(7).normal(0.1, 0.5, 80)
    found = estimate(values, 2)
    deviation = np.std(values, ddof=1)
    assert (found.ratio_low, found.ratio_high) == pytest.approx((found.low / deviation, found.high / deviation))
    assert found.ratio_text == f"{found.ratio:.2f} [{found.ratio_low:.2f}, {found.ratio_high:.2f}]"
