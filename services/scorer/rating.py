"""Sub-scores, TechRating, the predecessor's rating and risk, from factors. A factor that is missing adds nothing."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from services.market.scoring import FlagThresholds, RatingWeights
from services.market.vocabulary import Flag

Array = NDArray[np.float64]

RATING_COLUMNS = (
    "tech_rating",
    "trend_score",
    "momentum_score",
    "volume_score",
    "oscillator_score",
    "breakout_score",
    "risk",
    "close",
    "legacy_tech_rating",
)
"""What `rate` gives beside the factors, in the order of the columns."""


def rate(factors: Mapping[str, Array], close: Array, weights: RatingWeights) -> dict[str, Array]:
    """Rate symbols by their factors.

    Every comparison with NaN is false, so a missing factor adds 0 to its sub-score; without sma_200, for one, trend
    lies in -2..2. Sub-scores and TechRating are therefore never NaN.

    Args:
        factors: (symbol,) float64 by name.
        close: (symbol,) float64, USD, at as_of.
        weights: weight of each sub-score.

    Returns:
        (symbol,) float64 for each of `RATING_COLUMNS`. risk is 1 for a quiet symbol and 0 for an ATR of 2 % or more,
        NaN without an ATR. legacy_tech_rating, for comparison alone, is the predecessor's formula with its own fixed
        weights and its flaws (it cannot go short, and quiet symbols lead); NaN without an ATR.
    """
    scores = {
        "trend_score": _trend(factors, close),
        "momentum_score": _momentum(factors),
        "volume_score": _volume(factors),
        "oscillator_score": _oscillator(factors),
        "breakout_score": _breakout(factors),
    }
    rating = (
        weights.trend * scores["trend_score"]
        + weights.momentum * scores["momentum_score"]
        + weights.volume * scores["volume_score"]
        + weights.oscillator * scores["oscillator_score"]
        + weights.breakout * scores["breakout_score"]
    )
    risk = np.clip(1.0 - 50.0 * factors["atr_pct_14"], 0.0, 1.0)
    legacy = _legacy(factors, close) * (0.7 + 0.3 * risk)
    return {"tech_rating": rating, **scores, "risk": risk, "close": close, "legacy_tech_rating": legacy}


def factor_flags(factors: Mapping[str, Array], thresholds: FlagThresholds) -> NDArray[np.uint32]:
    """Flag what factors alone tell, liquidity and ATR: (symbol,) bit sets of `Flag`; a missing factor flags nothing."""
    flags = np.zeros(len(factors["atr_pct_14"]), np.uint32)
    flags[factors["dollar_vol_20"] < thresholds.low_liquidity_usd] |= np.uint32(Flag.LOW_LIQUIDITY)
    flags[factors["atr_pct_14"] > thresholds.high_atr_pct] |= np.uint32(Flag.HIGH_ATR)
    flags[factors["atr_pct_14"] > thresholds.very_high_atr_pct] |= np.uint32(Flag.VERY_HIGH_ATR)
    return flags


def _trend(f: Mapping[str, Array], close: Array) -> Array:
    fast, middle, slow = f["sma_20"], f["sma_50"], f["sma_200"]
    return _sign(fast, middle) + _sign(middle, slow) + _sign(close, fast)


def _momentum(f: Mapping[str, Array]) -> Array:
    rsi = f["rsi_14"]
    strength = _points(rsi > 55.0) + _points(rsi > 65.0) - _points(rsi < 45.0) - _points(rsi < 35.0)
    place = _points(f["pct_from_high_20"] > -0.03) - _points(f["pct_from_low_20"] < 0.03)
    return np.clip(strength + _sign(f["macd_hist"], 0.0) + place, -3.0, 3.0)


def _volume(f: Mapping[str, Array]) -> Array:
    spike = f["vol_spike"]
    points = (_points(spike > 1.5) + _points(spike > 1.2)) * _sign(f["ret_1"], 0.0)
    return points + 0.0  # -0.0 becomes 0.0


def _oscillator(f: Mapping[str, Array]) -> Array:
    rsi = f["rsi_14"]
    return _points((rsi >= 55.0) & (rsi <= 65.0)) - _points((rsi >= 35.0) & (rsi <= 45.0))


def _breakout(f: Mapping[str, Array]) -> Array:
    place = _points(f["pct_from_high_20"] > -0.01) - _points(f["pct_from_low_20"] < 0.01)
    return place + _points(f["ret_5"] > 0.02) - _points(f["ret_5"] < -0.02)


def _legacy(f: Mapping[str, Array], close: Array) -> Array:
    """Add up the predecessor's sub-scores, before its factor of risk."""
    rsi, spike, atr_pct, high = f["rsi_14"], f["vol_spike"], f["atr_pct_14"], f["pct_from_high_20"]
    trend = _points(f["sma_20"] > f["sma_50"]) + _points(f["sma_50"] > f["sma_200"]) + _points(close > f["sma_20"])
    strength = _points(rsi > 55.0) + _points(rsi > 65.0) - _points(rsi < 45.0) - _points(rsi < 40.0)
    momentum = strength + _points(f["macd_hist"] > 0.0) + _points(high > -0.03)
    volume = _points(spike > 1.5) + _points(spike > 1.2) - _points(spike < 0.7)
    volatility = _points(atr_pct < 0.01) - _points(atr_pct > 0.03)
    oscillator = _points((rsi >= 55.0) & (rsi <= 65.0)) - _points(rsi > 70.0) - _points(rsi < 40.0)
    breakout = _points(high > -0.01) + _points(f["ret_5"] > 0.02)
    return 3.0 * trend + 3.0 * momentum + 2.0 * volume + volatility + oscillator + breakout


def _points(condition: NDArray[np.bool_]) -> Array:
    return condition.astype(np.float64)


def _sign(a: Array, b: Array | float) -> Array:
    """Sign of a - b without the subtraction, so that NaN on either side is 0."""
    return _points(a > b) - _points(a < b)
