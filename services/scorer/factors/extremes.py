"""How far the close is from the highest and lowest of a window, as_of included."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, Unit
from services.scorer.indicators import Indicators


def _donchian(i: Indicators) -> NDArray[np.float64]:
    top, bottom = i.highest("high", 20), i.lowest("low", 20)
    return (i.now("close") - bottom) / (top - bottom)


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
    ),
)
