"""Bounded measures of how far a move has gone; without any movement they have TA-Lib's value, 0."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, Unit
from services.scorer.indicators import Indicators
from services.scorer.windows import share

Array = NDArray[np.float64]

TALIB = "TA-Lib"


def _rsi_of(i: Indicators, n: int) -> Array:
    gain, loss = i.gain_loss(n)
    return share(gain, gain + loss)


def _cmo_of(i: Indicators, n: int) -> Array:
    gain, loss = i.gain_loss(n)
    return share(gain - loss, gain + loss)


def _williams_r_of(i: Indicators, n: int) -> Array:
    top, bottom = i.highest("high", n), i.lowest("low", n)
    return share(i.now("close") - top, top - bottom)


def _cci_of(i: Indicators, n: int) -> Array:
    distance, spread = i.mean_distance(i.typical(n), n)
    return np.where(spread == 0.0, 0.0, distance / (0.015 * spread))


def _ultimate_of(i: Indicators) -> Array:
    low, before = i.recent("low", 28), i.before("close", 28)
    floor = np.minimum(low, before)
    pressure = i.recent("close", 28) - floor
    span = np.maximum(i.recent("high", 28), before) - floor
    short, middle, long = (_quotient(i.total(pressure, n), i.total(span, n)) for n in (7, 14, 28))
    return 100.0 * ((4.0 * short + 2.0 * middle + long) / 7.0)


def _quotient(part: Array, whole: Array) -> Array:
    return np.where(whole == 0.0, 0.0, part / whole)


def _stochastic_rsi(name: str, position: int, lookback: int, description: str) -> FactorSpec:
    return FactorSpec(
        name=name,
        family=Family.OSCILLATORS,
        unit=Unit.POINTS,
        lookback=lookback,
        inputs=("close",),
        description=description,
        formula=lambda i: i.stochastic_rsi()[position],
        recursive=True,
        source=TALIB,
    )


def _rsi(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"rsi_{n}",
        family=Family.OSCILLATORS,
        unit=Unit.POINTS,
        lookback=n + 1,
        inputs=("close",),
        description=f"Wilder's relative strength index over {n} changes, 0 to 100.",
        formula=lambda i: _rsi_of(i, n),
        recursive=True,
        source=TALIB,
    )


def _stochastic(name: str, position: int, lookback: int, description: str) -> FactorSpec:
    return FactorSpec(
        name=name,
        family=Family.OSCILLATORS,
        unit=Unit.POINTS,
        lookback=lookback,
        inputs=("high", "low", "close"),
        description=description,
        formula=lambda i: i.stochastic()[position],
        source=TALIB,
    )


def _roc(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"roc_{n}",
        family=Family.OSCILLATORS,
        unit=Unit.FRACTION,
        lookback=n + 1,
        inputs=("close",),
        description=f"Rate of change of the close over {n} sessions.",
        formula=lambda i: i.now("close") / i.ago("close", n) - 1.0,
        source="TA-Lib's ROCP",
    )


SPECS = (
    _rsi(2),
    _rsi(14),
    FactorSpec(
        name="cmo_14",
        family=Family.OSCILLATORS,
        unit=Unit.POINTS,
        lookback=15,
        inputs=("close",),
        description="Chande's momentum, Wilder's averages over 14 changes, -100 to 100.",
        formula=lambda i: _cmo_of(i, 14),
        recursive=True,
        source=TALIB,
    ),
    _stochastic("stoch_k", 0, 16, "Close in the range of 14 sessions, averaged over 3; 0 to 100."),
    _stochastic("stoch_d", 1, 18, "Mean of the last 3 values of stoch_k."),
    _stochastic_rsi(
        "stochrsi_k",
        0,
        28,
        "rsi_14 in its own range of 14 sessions, not averaged; 0 to 100, a range under 0.0001 counting as none.",
    ),
    _stochastic_rsi("stochrsi_d", 1, 30, "Mean of the last 3 values of stochrsi_k."),
    FactorSpec(
        name="williams_r_14",
        family=Family.OSCILLATORS,
        unit=Unit.POINTS,
        lookback=14,
        inputs=("high", "low", "close"),
        description="Close below the highest high, in the range of 14 sessions; -100 to 0.",
        formula=lambda i: _williams_r_of(i, 14),
        source=TALIB,
    ),
    FactorSpec(
        name="cci_20",
        family=Family.OSCILLATORS,
        unit=Unit.POINTS,
        lookback=20,
        inputs=("high", "low", "close"),
        description="Typical price less its mean, over 0.015 times its mean absolute deviation; unbounded.",
        formula=lambda i: _cci_of(i, 20),
        source=TALIB,
    ),
    FactorSpec(
        name="ultosc",
        family=Family.OSCILLATORS,
        unit=Unit.POINTS,
        lookback=29,
        inputs=("high", "low", "close"),
        description="Ultimate oscillator: buying pressure over true range in 7, 14 and 28 sessions, weighted 4, 2, 1.",
        formula=_ultimate_of,
        source=TALIB,
    ),
    _roc(10),
    _roc(20),
)
