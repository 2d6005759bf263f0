"""Percentiles, the score, flags, filters and the order, against plain transcriptions of scoring.md."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.gateway.candidates import Candidates
from services.gateway.ranking import percentile, rank, rate_by, score, standardise
from services.gateway.result_hash import SUB_SCORES, result_hash
from services.gateway.selection import Selection, Sort
from services.market.omission import Omission
from services.market.scoring import ScoringConfig
from services.market.signals import signals
from services.market.trading import Profile
from services.market.vocabulary import Flag, Reason, Signal, SymbolType

CONFIG = ScoringConfig.load()
VERSIONS = {"config": "c", "factors": "f"}


def candidates(count: int = 200, seed: int = 1) -> Candidates:
    random = np.random.default_rng(seed)
    names = ("tech_rating", *SUB_SCORES, "dollar_vol_20", "atr_pct_14", "close", "signal")
    columns = {name: random.normal(size=count) for name in names}
    columns["tech_rating"] = np.round(random.uniform(-25, 25, count))
    columns["dollar_vol_20"] = random.lognormal(16, 3, count)
    columns["atr_pct_14"] = random.uniform(0.001, 0.15, count)
    columns["close"] = random.lognormal(3, 1, count)
    columns["atr_pct_14"][::17] = np.nan
    return Candidates(
        symbols=tuple(f"S{number:04}" for number in range(count)),
        types=np.full(count, SymbolType.COMMON, np.int64),
        market_caps=random.lognormal(20, 3, count),
        columns=columns,
        flags=np.zeros(count, np.uint32),
        alphas={"alpha_5": random.normal(size=count), "alpha_10": random.normal(size=count)},
    )


@given(hnp.arrays(np.float64, st.integers(0, 40), elements=st.sampled_from([0.0, 1.0, -1.0, 2.5, math.nan])))
def test_percentile_is_average_rank_less_a_half_over_n(values: np.ndarray) -> None:
    present = [value for value in values if not math.isnan(value)]
    for value, ours in zip(values, percentile(values), strict=True):
        below, equal = sum(other < value for other in present), sum(other == value for other in present)
        expected = 0.5 if math.isnan(value) else (below + (equal + 1) / 2 - 0.5) / len(present)
        assert ours == pytest.approx(expected, abs=1e-15)


def test_standardise_is_zero_without_spread_and_keeps_nan() -> None:
    assert standardise(np.array([3.0, 3.0, np.nan])).tolist()[:2] == [0.0, 0.0]
    z = standardise(np.array([1.0, 2.0, 3.0, np.nan]))
    assert z[:3] == pytest.approx([-math.sqrt(1.5), 0, math.sqrt(1.5)])
    assert math.isnan(z[3])


def test_score_is_the_weighted_sum_of_percentiles() -> None:
    given_ = candidates()
    ours = score(given_, CONFIG)
    z5, z10 = standardise(given_.alphas["alpha_5"]), standardise(given_.alphas["alpha_10"])
    columns = given_.columns
    expected = 100 * (
        0.50 * percentile(columns["tech_rating"])
        + 0.30 * percentile(0.4 * z5 + 0.6 * z10)
        + 0.10 * percentile(columns["dollar_vol_20"])
        + 0.10 * (1 - percentile(columns["atr_pct_14"]))
    )
    assert ours == pytest.approx(expected, abs=1e-12)
    assert 0 <= ours.min() <= ours.max() <= 100


def test_without_models_their_weight_goes_to_tech_rating() -> None:
    given_ = replace(candidates(), alphas={})
    columns = given_.columns
    expected = 100 * (
        0.80 * percentile(columns["tech_rating"])
        + 0.10 * percentile(columns["dollar_vol_20"])
        + 0.10 * (1 - percentile(columns["atr_pct_14"]))
    )
    assert score(given_, CONFIG) == pytest.approx(expected, abs=1e-12)


def test_rows_are_ordered_by_score_then_symbol() -> None:
    given_ = candidates()
    for values in (*given_.columns.values(), *given_.alphas.values()):
        values[10:20] = values[10]
    ranking = rank(given_, CONFIG, Profile())
    keys = [(-ranking.scores[row], given_.symbols[row]) for row in ranking.order]
    assert keys == sorted(keys)
    assert len(keys) == 200


@pytest.mark.parametrize("name", ["short_term_swing", "swing", "position"])
def test_a_style_weighs_the_alphas_and_rates_as_it_says(name: str) -> None:
    style, given_ = CONFIG.styles[name], candidates()
    weights = {"short_term_swing": (0.6, 0.4), "swing": (0.4, 0.6), "position": (0.0, 1.0)}[name]
    rating = given_.columns["tech_rating"] - (given_.columns["breakout_score"] if name == "position" else 0.0)
    rated = rate_by(style, given_, CONFIG.rating_weights)
    assert rated.columns["tech_rating"] == pytest.approx(rating, abs=1e-12)
    z5, z10 = standardise(given_.alphas["alpha_5"]), standardise(given_.alphas["alpha_10"])
    expected = 100 * (
        0.50 * percentile(rating)
        + 0.30 * percentile(weights[0] * z5 + weights[1] * z10)
        + 0.10 * percentile(given_.columns["dollar_vol_20"])
        + 0.10 * (1 - percentile(given_.columns["atr_pct_14"]))
    )
    ranking = rank(rated, CONFIG, Profile(), style)
    assert ranking.scores == pytest.approx(expected, abs=1e-12)
    assert ranking.signals.tolist() == signals(rated.columns["tech_rating"], CONFIG.signals).tolist()


def test_the_default_style_is_the_score_itself() -> None:
    given_ = candidates()
    assert rate_by(CONFIG.styles["swing"], given_, CONFIG.rating_weights) is given_
    assert score(given_, CONFIG, CONFIG.styles["swing"]).tolist() == score(given_, CONFIG).tolist()


def test_flags_of_caps_types_pins_and_small_cross_sections() -> None:
    given_ = candidates(5)
    given_ = replace(
        given_,
        market_caps=np.array([np.nan, 1e8, 5e8, 5e9, 5e9]),
        types=np.array([SymbolType.COMMON] * 3 + [SymbolType.UNKNOWN, SymbolType.ETF], np.int64),
    )
    given_.columns["atr_pct_14"][:] = [0.005, 0.05, np.nan, 0.005, 0.005]
    small = int(Flag.SMALL_CROSS_SECTION)
    assert rank(given_, CONFIG, Profile()).flags.tolist() == [
        Flag.PINNED_PRICE | small,
        Flag.SMALL_CAP | Flag.MICRO_CAP | small,
        Flag.SMALL_CAP | small,
        Flag.TYPE_UNKNOWN | small,
        small,
    ]


def _hash(given_: Candidates, versions: dict[str, str] = VERSIONS) -> str:
    ranking = rank(given_, CONFIG, Profile())
    return result_hash("2025-09-30", versions, given_, ranking, [Omission("X", Reason.NO_DATA)])


def test_the_hash_knows_every_part_and_one_nan_and_one_zero() -> None:
    base = _hash(candidates())
    assert base == _hash(candidates())
    moved = candidates()
    moved.columns["close"][3] = np.nextafter(moved.columns["close"][3], np.inf)
    assert _hash(moved) != base
    assert _hash(candidates(), VERSIONS | {"config": "d"}) != base
    ranking = rank(candidates(), CONFIG, Profile())
    assert result_hash("2025-09-29", VERSIONS, candidates(), ranking, [Omission("X", Reason.NO_DATA)]) != base
    assert result_hash("2025-09-30", VERSIONS, candidates(), ranking, [Omission("X", Reason.STALE_DATA)]) != base
    zero, negative, odd = candidates(), candidates(), candidates()
    zero.columns["trend_score"][:2] = [0.0, np.nan]
    negative.columns["trend_score"][:2] = [-0.0, np.nan]
    odd.columns["trend_score"][:2] = np.array([0, 0x7FF8000000000001], np.uint64).view(np.float64)
    assert _hash(zero) == _hash(negative) == _hash(odd)


def test_signals_begin_at_their_thresholds() -> None:
    given_ = candidates(9)
    given_.columns["tech_rating"][:] = [22, 21.9, 16, 15.9, -15.9, -16, -21.9, -22, np.nan]
    expected = [Signal.STRONG_LONG, Signal.LONG, Signal.LONG, Signal.AVOID, Signal.AVOID]
    expected += [Signal.SHORT, Signal.SHORT, Signal.STRONG_SHORT, Signal.AVOID]
    assert rank(given_, CONFIG, Profile()).signals.tolist() == expected


def test_neither_order_nor_lists_change_the_hash() -> None:
    given_, base = candidates(), _hash(candidates())
    for selection in (Selection(include_shorts=True), Selection(sort=Sort("close"))):
        ranking = rank(given_, CONFIG, Profile(), selection=selection)
        assert result_hash("2025-09-30", VERSIONS, given_, ranking, [Omission("X", Reason.NO_DATA)]) == base
