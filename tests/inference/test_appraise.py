"""An appraisal finds what was planted, nothing in noise, and equals plain arithmetic."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from services.inference.appraise import Appraisal, Labels, appraise, decay
from services.inference.estimates import estimate
from services.inference.evaluate import COST
from services.inference.labels import forward_returns, percentiles
from services.inference.tenths import measure_tenths, tenth_returns
from services.inference.training_set import TrainingSet
from tests.inference.training_rows import make_rows

Array = NDArray[np.float64]
NO_LABELS: Labels = {}


def rows_of(returns: Array, positions: NDArray[np.int64]) -> TrainingSet:
    """Make rows of (session, symbol) returns."""
    sessions, symbols = returns.shape
    style = np.random.default_rng(9).standard_normal(returns.size)
    return TrainingSet(
        names=(),
        features=np.empty((returns.size, 0), np.float32),
        positions=np.repeat(positions, symbols),
        symbols=np.tile(np.arange(symbols), sessions),
        returns=returns.ravel(),
        neutral=returns.ravel(),
        later={},
        slices={
            "half": np.tile(np.arange(symbols) % 2 == 0, sessions),
            "few": np.tile(np.arange(symbols) < 9, sessions),
        },
        rivals={},
        styles={"a style": style},
    )


def appraised(values: Array, rows: TrainingSet, horizon: int, labels: Labels = NO_LABELS) -> Appraisal:
    found = appraise(values, rows, horizon, labels)
    assert found is not None
    return found


def planted(correlation: float, seed: int, sessions: int = 80, symbols: int = 200) -> tuple[Array, TrainingSet]:
    random = np.random.default_rng(seed)
    signal, noise = random.standard_normal((2, sessions, symbols))
    returns = 0.04 * (correlation * signal + math.sqrt(1 - correlation**2) * noise)
    return signal.ravel(), rows_of(returns, 252 + 5 * np.arange(sessions))


@pytest.mark.parametrize("correlation", [0.05, -0.1, 0.4])
def test_a_planted_signal_lies_within_its_interval(correlation: float) -> None:
    values, rows = planted(correlation, seed=1)
    found = appraised(values, rows, 5)
    truth = 6 / math.pi * math.asin(correlation / 2)  # Spearman's of two normal variables
    assert found.skill.rank_ic.low < truth < found.skill.rank_ic.high
    assert found.skill.rank_ic.low * found.skill.rank_ic.high > 0
    half = found.slices["half"]
    assert half is not None
    assert half.rank_ic.low < truth < half.rank_ic.high
    assert half.symbols == 100
    assert found.slices["few"] is None
    assert found.neutral == found.skill.rank_ic
    assert found.without_styles.mean == pytest.approx(truth, abs=0.02)
    assert np.sign(found.skill.spread.gross) == np.sign(correlation)


@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_intervals_hold_the_truth_nearly_as_often_as_they_say_whatever_overlaps(overlap: int) -> None:
    random = np.random.default_rng(6)
    inside, narrow = [], []
    for _ in range(400):
        values = np.convolve(random.standard_normal(80 + overlap), np.ones(overlap + 1), "valid")
        found = estimate(values, overlap)
        inside.append(found.low <= 0 <= found.high)
        blind = estimate(values, 0)
        narrow.append(blind.low <= 0 <= blind.high)
    assert 0.915 <= np.mean(inside) <= 0.975
    assert np.mean(narrow) <= np.mean(inside)


def test_noise_is_not_told_from_nothing_over_horizons_that_overlap() -> None:
    """A number that stays, over walks: neighbouring returns of 20 sessions share 15 of them, and so their errors."""
    positions = 20 + 5 * np.arange(70)
    inside = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        closes = np.exp(np.cumsum(random.normal(0, 0.02, (400, 60)), axis=0))
        rows = rows_of(forward_returns(closes, positions, 20), positions)
        found = appraised(np.tile(random.standard_normal(60), len(positions)), rows, 20).skill.rank_ic
        inside.append(found.low <= 0 <= found.high)
    assert np.mean(inside) >= 0.85


def plain_ranks(values: list[float]) -> list[float]:
    return [sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values]


def plain_correlation(a: list[float], b: list[float]) -> float:
    mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    cross = math.fsum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    return cross / math.sqrt(math.fsum((x - mean_a) ** 2 for x in a) * math.fsum((y - mean_b) ** 2 for y in b))


def test_ic_and_rank_ic_equal_a_plain_transcription() -> None:
    random = np.random.default_rng(4)
    returns = random.standard_t(3, (12, 40)) * 0.03
    values = np.round(random.standard_normal((12, 40)) + 5 * returns, 1)  # with ties
    found = appraised(values.ravel(), rows_of(returns, np.arange(12) * 5), 5)
    rank_ics, ics = [], []
    for x, y in zip(values.tolist(), returns.tolist(), strict=True):
        rank_ics.append(plain_correlation(plain_ranks(x), plain_ranks(y)))
        low, high = np.quantile(y, [0.01, 0.99])
        ics.append(plain_correlation(x, [min(max(value, low), high) for value in y]))
    np.testing.assert_allclose(found.rank_ics, rank_ics, rtol=1e-12)
    assert found.skill.rank_ic.mean == pytest.approx(np.mean(rank_ics))
    assert found.skill.rank_ic.ratio == pytest.approx(np.mean(rank_ics) / np.std(rank_ics, ddof=1))
    assert found.skill.ic.mean == pytest.approx(np.mean(ics))


def test_tenths_are_told_apart_and_pay_for_what_they_replace() -> None:
    returns = np.tile(np.linspace(-0.19, 0.19, 20), (4, 1))
    rows = rows_of(returns, np.arange(4) * 5)
    kept = measure_tenths(percentiles(np.tile(np.arange(20.0), 4), rows.positions), rows, 1)
    assert [round(it.gross, 10) for it in kept] == [round(-0.18 + 0.04 * number, 10) for number in range(10)]
    assert all(it.net == it.excess == pytest.approx(it.gross) and it.turnover == 0 for it in kept)
    turned = np.concatenate([np.arange(20.0) * (-1) ** session for session in range(4)])
    swapped = measure_tenths(percentiles(turned, rows.positions), rows, 1)
    assert swapped[0].turnover == 1
    assert swapped[0].excess == pytest.approx(0, abs=1e-12)
    assert swapped[0].net == pytest.approx(-2 * COST * 3 / 4)
    # Every second session: always the same way up.
    assert measure_tenths(percentiles(turned, rows.positions), rows, 2)[9].turnover == 0


def test_names_that_tie_are_in_one_tenth_and_others_may_be_empty() -> None:
    rows = rows_of(np.tile(np.linspace(-1, 1, 20), (2, 1)), np.arange(2) * 5)
    place = percentiles(np.tile(np.arange(20.0) >= 10, 2).astype(np.float64), rows.positions)
    returns = tenth_returns(place, rows)
    assert np.flatnonzero(~np.isnan(returns[0])).tolist() == [2, 7]
    assert [it.periods for it in measure_tenths(place, rows, 1)] == [0, 0, 2, 0, 0, 0, 0, 2, 0, 0]


def test_groups_split_the_sessions_and_few_of_them_say_nothing() -> None:
    values, rows = planted(0.3, seed=3, sessions=30)
    half = {position: "early" if position < 252 + 5 * 21 else "late" for position in rows.sessions().tolist()}
    found = appraised(values, rows, 5, {"half": half}).groups["half"]
    assert {label: group.sessions for label, group in found.items()} == {"early": 21, "late": 9}
    early = found["early"]
    assert early.rank_ic is not None
    assert early.spread is not None
    assert early.ic is not None
    assert early.rank_ic.low > 0.2
    assert early.ic.low > 0.2
    assert early.spread.low > 0
    assert found["late"].ic is found["late"].rank_ic is None


def test_what_a_style_explains_is_not_left() -> None:
    rows = make_rows(sessions=20, symbols=100)
    style = rows.styles["a style"]
    rows = replace(rows, returns=0.01 * style).bare()
    found = appraised(style, rows, 5)
    assert found.skill.rank_ic.mean == pytest.approx(1)
    assert found.without_styles.mean == 0


def test_too_few_names_or_sessions_are_no_appraisal() -> None:
    values, rows = planted(0.1, seed=5, sessions=9)
    assert appraise(values, rows, 5, NO_LABELS) is None
    values, rows = planted(0.1, seed=5, sessions=20, symbols=19)
    assert appraise(values, rows, 5, NO_LABELS) is None


def test_skill_over_other_horizons_is_looked_at_where_their_returns_are_known() -> None:
    values, rows = planted(0.3, seed=2, sessions=40)
    noise = np.random.default_rng(8).standard_normal(len(rows))
    unknown = np.where(rows.positions < rows.positions[-1] - 100, rows.returns, np.nan)
    found = decay(values, replace(rows, later={1: noise, 10: unknown, 40: np.full(len(rows), np.nan)}))
    assert found.keys() == {1, 10}
    assert found[1].low < 0 < found[1].high
    earlier = rows.of(np.isfinite(unknown))
    assert found[10] == appraised(values[np.isfinite(unknown)], earlier, 10).skill.rank_ic


def test_returns_less_the_markets_are_looked_at_apart() -> None:
    _, rows = planted(0.0, seed=11)
    beta = np.random.default_rng(12).random(len(rows))
    market = replace(rows, returns=rows.returns + 0.05 * beta, neutral=rows.returns)
    found = appraised(beta, market, 5)
    assert found.skill.rank_ic.low > 0.1
    assert found.neutral.low < 0 < found.neutral.high
