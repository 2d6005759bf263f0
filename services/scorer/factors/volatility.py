"""Ranges, deviations and falls."""

import math

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, NanRule, Unit
from services.scorer.indicators import Indicators

Array = NDArray[np.float64]


def _bb_width(i: Indicators) -> Array:
    return 4.0 * i.deviation(i.recent("close", 20), 20, 0) / i.sma(20)


def _bb_pctb(i: Indicators) -> Array:
    band = 2.0 * i.deviation(i.recent("close", 20), 20, 0)
    return (i.now("close") - (i.sma(20) - band)) / (2.0 * band)


def _keltner_pos(i: Indicators) -> Array:
    band = 1.5 * i.atr(20)
    return (i.now("close") - (i.ema(20) - band)) / (2.0 * band)


def _squeeze(i: Indicators) -> Array:
    bollinger, keltner = 2.0 * i.deviation(i.recent("close", 20), 20, 0), 1.5 * i.atr(20)
    middle, average = i.sma(20), i.ema(20)
    inside = (middle + bollinger < average + keltner) & (middle - bollinger > average - keltner)
    return np.where(np.isnan(keltner), np.nan, inside)


def _parkinson(i: Indicators) -> Array:
    spans = i.log_range(20)
    return np.sqrt(i.mean(spans * spans, 20) * (252.0 / (4.0 * math.log(2.0))))


def _downside(i: Indicators) -> Array:
    returns = i.returns("close", 20)
    falls: Array = np.where(returns < 0.0, returns, returns - returns)  # less itself: 0 for a return, NaN for none
    return np.sqrt(i.mean(falls * falls, 20) * 252.0)


def _realized(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"vol_realized_{n}",
        family=Family.VOLATILITY,
        unit=Unit.FRACTION,
        lookback=n + 1,
        inputs=("close",),
        description=f"Standard deviation (ddof 1) of {n} simple returns, times the root of 252.",
        formula=lambda i: i.volatility(n),
    )


def _drawdown(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"max_drawdown_{n}",
        family=Family.VOLATILITY,
        unit=Unit.FRACTION,
        lookback=n,
        inputs=("close",),
        description=f"Deepest fall of the close below its highest so far within {n} sessions, <= 0.",
        formula=lambda i: i.drawdown(n),
    )


SPECS = (
    FactorSpec(
        name="atr_14",
        family=Family.VOLATILITY,
        unit=Unit.USD,
        lookback=15,
        inputs=("high", "low", "close"),
        description="Wilder's average true range over 14.",
        formula=lambda i: i.atr(14),
        recursive=True,
        source="TA-Lib",
    ),
    FactorSpec(
        name="atr_pct_14",
        family=Family.VOLATILITY,
        unit=Unit.FRACTION,
        lookback=15,
        inputs=("high", "low", "close"),
        description="atr_14 over the close.",
        formula=lambda i: i.atr(14) / i.now("close"),
        recursive=True,
        source="TA-Lib",
    ),
    _realized(20),
    _realized(60),
    FactorSpec(
        name="vol_ratio_20_60",
        family=Family.VOLATILITY,
        unit=Unit.NUMBER,
        lookback=61,
        inputs=("close",),
        description="vol_realized_20 over vol_realized_60.",
        formula=lambda i: i.volatility(20) / i.volatility(60),
        nan_rule=NanRule.FLAT,
    ),
    FactorSpec(
        name="downside_vol_20",
        family=Family.VOLATILITY,
        unit=Unit.FRACTION,
        lookback=21,
        inputs=("close",),
        description="Root mean square of the falls among 20 simple returns (rises count 0), times the root of 252.",
        formula=_downside,
        source="Sortino: downside deviation from 0",
    ),
    FactorSpec(
        name="bb_width_20",
        family=Family.VOLATILITY,
        unit=Unit.FRACTION,
        lookback=20,
        inputs=("close",),
        description="Upper less lower Bollinger band (2 standard deviations, ddof 0), over the middle.",
        formula=_bb_width,
        source="Bollinger",
    ),
    FactorSpec(
        name="bb_pctb_20",
        family=Family.VOLATILITY,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("close",),
        description="Close between the Bollinger bands: 0 at the lower, 1 at the upper.",
        formula=_bb_pctb,
        nan_rule=NanRule.FLAT,
        source="Bollinger",
    ),
    FactorSpec(
        name="keltner_pos_20",
        family=Family.VOLATILITY,
        unit=Unit.NUMBER,
        lookback=21,
        inputs=("high", "low", "close"),
        description="Close in the Keltner channel ema_20 +- 1.5 atr_20: 0 at the lower side, 1 at the upper.",
        formula=_keltner_pos,
        nan_rule=NanRule.FLAT,
        recursive=True,
        source="Keltner as revised by Raschke",
    ),
    FactorSpec(
        name="squeeze",
        family=Family.VOLATILITY,
        unit=Unit.FLAG,
        lookback=21,
        inputs=("high", "low", "close"),
        description="1 if both Bollinger bands (20, 2) lie inside the Keltner channel ema_20 +- 1.5 atr_20, else 0.",
        formula=_squeeze,
        recursive=True,
        source="Carter 2005",
    ),
    FactorSpec(
        name="parkinson_20",
        family=Family.VOLATILITY,
        unit=Unit.FRACTION,
        lookback=20,
        inputs=("high", "low"),
        description="Volatility a year from 20 ranges: root of 252 times the mean of ln(high / low)^2 / (4 ln 2).",
        formula=_parkinson,
        source="Parkinson 1980",
    ),
    FactorSpec(
        name="skew_60",
        family=Family.VOLATILITY,
        unit=Unit.NUMBER,
        lookback=61,
        inputs=("close",),
        description="Sample skewness of 60 simple returns, adjusted for their number.",
        formula=lambda i: i.skewness(i.returns("close", 60), 60),
        nan_rule=NanRule.FLAT,
        source="Fisher and Pearson, as pandas",
    ),
    _drawdown(63),
    _drawdown(252),
)
