"""Ratings against a scalar transcription of scoring.md."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.scoring import ScoringConfig
from services.market.signals import signals
from services.market.vocabulary import Signal
from services.scorer.block import score_panel
from services.scorer.engine import FactorEngine
from services.scorer.rating import RATING_COLUMNS, factor_flags, rate
from tests.scorer import markets

CONFIG = ScoringConfig.load()

# Around every threshold, on it, and missing.
RANGES = {
    "sma_20": (9.0, 10.0, 11.0),
    "sma_50": (9.0, 10.0, 11.0),
    "sma_200": (9.0, 10.0, 11.0),
    "rsi_14": (0.0, 34.9, 35.0, 39.9, 40.0, 45.0, 45.1, 50.0, 54.9, 55.0, 60.0, 65.0, 65.1, 70.0, 70.1, 100.0),
    "macd_hist": (-0.1, 0.0, 0.1),
    "pct_from_high_20": (-0.5, -0.03, -0.02, -0.01, -0.005, 0.0),
    "pct_from_low_20": (0.0, 0.005, 0.01, 0.02, 0.03, 0.5),
    "vol_spike": (0.0, 0.7, 1.0, 1.2, 1.3, 1.5, 1.6),
    "ret_1": (-0.01, 0.0, 0.01),
    "ret_5": (-0.03, -0.02, 0.0, 0.02, 0.03),
    "atr_pct_14": (0.0, 0.005, 0.01, 0.02, 0.03, 0.05),
    "dollar_vol_20": (1e6, 1e7, 1e8),
}
FACTORS = st.fixed_dictionaries({name: st.sampled_from((*values, math.nan)) for name, values in RANGES.items()})
CLOSES = st.sampled_from((9.0, 10.0, 11.0))


def plain_rating(f: dict[str, float], close: float) -> dict[str, float]:
    """The rating of one symbol, as the page says it; `if` on a NaN comparison is false."""

    def sign(a: float, b: float) -> int:
        return 1 if a > b else -1 if a < b else 0

    trend = sign(f["sma_20"], f["sma_50"]) + sign(f["sma_50"], f["sma_200"]) + sign(close, f["sma_20"])
    rsi, momentum = f["rsi_14"], sign(f["macd_hist"], 0)
    if rsi > 55:
        momentum += 2 if rsi > 65 else 1
    if rsi < 45:
        momentum -= 2 if rsi < 35 else 1
    if f["pct_from_high_20"] > -0.03:
        momentum += 1
    if f["pct_from_low_20"] < 0.03:
        momentum -= 1
    momentum = max(-3, min(3, momentum))
    volume = (2 if f["vol_spike"] > 1.5 else 1 if f["vol_spike"] > 1.2 else 0) * sign(f["ret_1"], 0)
    oscillator = 1 if 55 <= rsi <= 65 else -1 if 35 <= rsi <= 45 else 0
    breakout = sign(f["ret_5"], 0) if abs(f["ret_5"]) > 0.02 else 0
    breakout += 1 if f["pct_from_high_20"] > -0.01 else 0
    breakout -= 1 if f["pct_from_low_20"] < 0.01 else 0
    return {
        "tech_rating": 3 * trend + 3 * momentum + 2 * volume + oscillator + breakout,
        "trend_score": trend,
        "momentum_score": momentum,
        "volume_score": volume,
        "oscillator_score": oscillator,
        "breakout_score": breakout,
        "risk": f["atr_pct_14"] if math.isnan(f["atr_pct_14"]) else max(0.0, min(1.0, 1 - 50 * f["atr_pct_14"])),
        "close": close,
        "legacy_tech_rating": plain_legacy_rating(f, close),
    }


def plain_legacy_rating(f: dict[str, float], close: float) -> float:
    """The predecessor's rating of one symbol."""
    rsi, spike, atr_pct, high = f["rsi_14"], f["vol_spike"], f["atr_pct_14"], f["pct_from_high_20"]
    t = (f["sma_20"] > f["sma_50"]) + (f["sma_50"] > f["sma_200"]) + (close > f["sma_20"])
    m = (rsi > 55) + (rsi > 65) - (rsi < 45) - (rsi < 40) + (f["macd_hist"] > 0) + (high > -0.03)
    v = 2 if spike > 1.5 else 1 if spike > 1.2 else -1 if spike < 0.7 else 0
    vol = (atr_pct < 0.01) - (atr_pct > 0.03)
    osc = (55 <= rsi <= 65) - (rsi > 70 or rsi < 40)
    brk = (high > -0.01) + (f["ret_5"] > 0.02)
    if math.isnan(atr_pct):
        return math.nan
    return (3 * t + 3 * m + 2 * v + vol + osc + brk) * (0.7 + 0.3 * min(1.0, max(0.0, 1 - 50 * atr_pct)))


@given(FACTORS, CLOSES)
def test_rating_equals_the_scalar_transcription(factors: dict[str, float], close: float) -> None:
    arrays = {name: np.array([value]) for name, value in factors.items()}
    rating = rate(arrays, np.array([close]), CONFIG.rating_weights)
    assert tuple(rating) == RATING_COLUMNS
    expected = plain_rating(factors, close)
    for name in RATING_COLUMNS:
        assert np.array_equal(rating[name], [expected[name]], equal_nan=True), name
        assert not np.signbit(rating[name][rating[name] == 0]).any(), f"{name} is -0"


@pytest.mark.parametrize(
    ("tech_rating", "signal"),
    [
        (25, Signal.STRONG_LONG),
        (22, Signal.STRONG_LONG),
        (21.9, Signal.LONG),
        (16, Signal.LONG),
        (15.9, Signal.AVOID),
        (0, Signal.AVOID),
        (-15.9, Signal.AVOID),
        (-16, Signal.SHORT),
        (-21.9, Signal.SHORT),
        (-22, Signal.STRONG_SHORT),
        (-25, Signal.STRONG_SHORT),
    ],
)
def test_signal_begins_at_its_threshold(tech_rating: float, signal: Signal) -> None:
    assert signals(np.array([float(tech_rating)]), CONFIG.signals).tolist() == [signal]


def test_every_signal_is_reached_on_generated_bars() -> None:
    blocks = [markets.walk(80, seed=41, drift=drift, volatility=0.012) for drift in (-0.006, -0.002, 0.0, 0.002, 0.006)]
    bars = np.concatenate(blocks, axis=2)
    bars[4, -1, ::2] *= 3.0
    engine = FactorEngine(CONFIG)
    block = score_panel(markets.panel_of(bars), markets.benchmark(), engine)
    ratings = block.values[:, engine.columns.index("tech_rating")]
    assert set(signals(ratings, CONFIG.signals).tolist()) == {int(signal) for signal in Signal}


def test_a_missing_factor_flags_nothing() -> None:
    missing = {"dollar_vol_20": np.array([np.nan]), "atr_pct_14": np.array([np.nan])}
    assert factor_flags(missing, CONFIG.flags).tolist() == [0]


def test_without_an_atr_there_is_no_risk() -> None:
    factors = {name: np.array([math.nan]) for name in RANGES}
    rating = rate(factors, np.array([10.0]), CONFIG.rating_weights)
    assert math.isnan(rating["risk"][0])
    assert rating["tech_rating"].tolist() == [0.0]
