"""How far the close is from the highest and lowest of a window, as_of included, and patterns of ranges."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, NanRule, Unit
from services.scorer.indicators import Indicators


def _donchian(i: Indicators) -> NDArray[np.float64]:
    top, bottom = i.highest("high", 20), i.lowest("low", 20)
    return (i.now("close") - bottom) / (top - bottom)


def _sessions_since_high(i: Indicators) -> NDArray[np.float64]:
    return i.since_highest(i.recent("close", 252), 252)


def _new_high(i: Indicators) -> NDArray[np.float64]:
    before = i.highest_of(i.recent("close", 252)[:-1], 251)
    return _flag(before, i.now("close") > before)


def _narrowest(i: Indicators) -> NDArray[np.float64]:
    spans = i.recent("high", 7) - i.recent("low", 7)
    before = i.lowest_of(spans[:-1], 6)
    return _flag(before, spans[-i.rows :] < before)


def _inside(i: Indicators) -> NDArray[np.float64]:
    high, low = i.ago("high", 1), i.ago("low", 1)
    return _flag(high, (i.now("high") < high) & (i.now("low") > low))


def _flag(known: NDArray[np.float64], condition: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give 1 or 0, and NaN where `known` is."""
    return np.where(np.isnan(known), np.nan, condition)


def _from_high(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"pct_from_high_{n}",
        family=Family.EXTREMES,
        unit=Unit.FRACTION,
        lookback=n,
        inputs=("close",),
        description=f"Close over the highest close of {n} sessions, less 1; <= 0.",
        formula=lambda i: i.now("close") / i.highest("close", n) - 1.0,
    )


def _from_low(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"pct_from_low_{n}",
        family=Family.EXTREMES,
        unit=Unit.FRACTION,
        lookback=n,
        inputs=("close",),
        description=f"Close over the lowest close of {n} sessions, less 1; >= 0.",
        formula=lambda i: i.now("close") / i.lowest("close", n) - 1.0,
    )


SPECS = (
    _from_high(20),
    _from_high(252),
    _from_low(20),
    _from_low(252),
    FactorSpec(
        name="sessions_since_high_252",
        family=Family.EXTREMES,
        unit=Unit.SESSIONS,
        lookback=252,
        inputs=("close",),
        description="Sessions since the highest close of 252, the latest of equals; 0 = as_of.",
        formula=_sessions_since_high,
    ),
    FactorSpec(
        name="new_high_252",
        family=Family.EXTREMES,
        unit=Unit.FLAG,
        lookback=252,
        inputs=("close",),
        description="1 if the close is above every one of the 251 before, else 0.",
        formula=_new_high,
    ),
    FactorSpec(
        name="high_10",
        family=Family.EXTREMES,
        unit=Unit.USD,
        lookback=10,
        inputs=("high",),
        description="Highest high of 10 sessions.",
        formula=lambda i: i.highest("high", 10),
        source="TA-Lib's MAX",
    ),
    FactorSpec(
        name="low_10",
        family=Family.EXTREMES,
        unit=Unit.USD,
        lookback=10,
        inputs=("low",),
        description="Lowest low of 10 sessions.",
        formula=lambda i: i.lowest("low", 10),
        source="TA-Lib's MIN",
    ),
    FactorSpec(
        name="donchian_pos_20",
        family=Family.EXTREMES,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("high", "low", "close"),
        description="Close between the lowest low (0) and the highest high (1) of 20 sessions.",
        formula=_donchian,
        nan_rule=NanRule.FLAT,
    ),
    FactorSpec(
        name="nr7",
        family=Family.EXTREMES,
        unit=Unit.FLAG,
        lookback=7,
        inputs=("high", "low"),
        description="1 if high - low is smaller than in each of the 6 sessions before, else 0.",
        formula=_narrowest,
        source="Crabel 1990",
    ),
    FactorSpec(
        name="inside_day",
        family=Family.EXTREMES,
        unit=Unit.FLAG,
        lookback=2,
        inputs=("high", "low"),
        description="1 if the high is below and the low above those of the session before, else 0.",
        formula=_inside,
    ),
)
