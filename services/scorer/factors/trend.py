"""Moving averages, and how far the close is from them."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, Formula, NanRule, Unit
from services.scorer.indicators import Indicators

TALIB = "TA-Lib"
SMA = (10, 20, 50, 100, 200)
EMA = (12, 20, 26, 50, 200)


def sma(n: int) -> FactorSpec:
    """Declare a simple moving average of the close."""
    return FactorSpec(
        name=f"sma_{n}",
        family=Family.TREND,
        unit=Unit.USD,
        lookback=n,
        inputs=("close",),
        description=f"Mean of the last {n} closes.",
        formula=lambda i: i.sma(n),
        source=TALIB,
    )


def _ema(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"ema_{n}",
        family=Family.TREND,
        unit=Unit.USD,
        lookback=n,
        inputs=("close",),
        description=f"Exponential average of the close, weight 2 / {n + 1}, seeded with the mean of the first {n}.",
        formula=lambda i: i.ema(n),
        recursive=True,
        source=TALIB,
    )


def _close_over(average: FactorSpec) -> FactorSpec:
    return FactorSpec(
        name=f"close_over_{average.name}",
        family=Family.TREND,
        unit=Unit.FRACTION,
        lookback=average.lookback,
        inputs=("close",),
        description=f"Close over {average.name}, less 1.",
        formula=lambda i: i.now("close") / average.formula(i) - 1.0,
        recursive=average.recursive,
    )


def _sma_over(n: int, m: int) -> FactorSpec:
    return FactorSpec(
        name=f"sma_{n}_over_{m}",
        family=Family.TREND,
        unit=Unit.FRACTION,
        lookback=m,
        inputs=("close",),
        description=f"sma_{n} over sma_{m}, less 1.",
        formula=lambda i: i.sma(n) / i.sma(m) - 1.0,
    )


def _linreg_slope(i: Indicators) -> NDArray[np.float64]:
    return i.slope(i.recent("close", 20), 20) / i.now("close")


def _ma_slope(i: Indicators) -> NDArray[np.float64]:
    return i.slope(i.smas(20, 20), 20) / i.sma(20)


def _aroon(name: str, sign: float, field: str, extreme: str) -> FactorSpec:
    return FactorSpec(
        name=name,
        family=Family.TREND,
        unit=Unit.POINTS,
        lookback=26,
        inputs=(field,),
        description=f"How new the {extreme} of 26 sessions is: 100 at as_of, 0 when 25 sessions old.",
        formula=lambda i: (25.0 - i.since_highest(sign * i.recent(field, 26), 26)) * 4.0,
        source=TALIB,
    )


def _macd(name: str, unit: Unit, lookback: int, description: str, formula: Formula) -> FactorSpec:
    return FactorSpec(
        name=name,
        family=Family.TREND,
        unit=unit,
        lookback=lookback,
        inputs=("close",),
        description=description,
        formula=formula,
        recursive=True,
        source=TALIB,
    )


def _macd_hist(i: Indicators) -> NDArray[np.float64]:
    line, signal = i.macd()
    return line - signal


def _directional(name: str, position: int, lookback: int, description: str) -> FactorSpec:
    return FactorSpec(
        name=name,
        family=Family.TREND,
        unit=Unit.POINTS,
        lookback=lookback,
        inputs=("high", "low", "close"),
        description=description,
        formula=lambda i: i.directional(14)[position],
        recursive=True,
        source="Wilder 1978 as in TA-Lib; without any range 0",
    )


_AVERAGES = (*(sma(n) for n in SMA), *(_ema(n) for n in EMA))

SPECS = (
    *_AVERAGES,
    *(_close_over(average) for average in _AVERAGES),
    _sma_over(20, 50),
    _sma_over(50, 200),
    FactorSpec(
        name="linreg_slope_20",
        family=Family.TREND,
        unit=Unit.FRACTION,
        lookback=20,
        inputs=("close",),
        description="Least-squares slope a session of the last 20 closes, over the close.",
        formula=_linreg_slope,
        source=TALIB,
    ),
    FactorSpec(
        name="linreg_r2_20",
        family=Family.TREND,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("close",),
        description="Share of the variance of the last 20 closes that their least-squares line explains, 0 to 1.",
        formula=lambda i: i.straightness(i.recent("close", 20), 20),
        nan_rule=NanRule.FLAT,
    ),
    FactorSpec(
        name="ma_slope_20",
        family=Family.TREND,
        unit=Unit.FRACTION,
        lookback=39,
        inputs=("close",),
        description="Least-squares slope a session of the last 20 values of sma_20, over sma_20.",
        formula=_ma_slope,
        source="TA-Lib's LINEARREG_SLOPE of its SMA",
    ),
    _macd("macd", Unit.USD, 26, "EMA 12 less EMA 26, both from the 26th close on.", lambda i: i.macd()[0]),
    _macd("macd_signal", Unit.USD, 34, "EMA 9 of macd.", lambda i: i.macd()[1]),
    _macd("macd_hist", Unit.USD, 34, "macd less macd_signal.", _macd_hist),
    _macd("macd_hist_pct", Unit.FRACTION, 34, "macd_hist over the close.", lambda i: _macd_hist(i) / i.now("close")),
    _macd("ppo", Unit.FRACTION, 26, "ema_12 over ema_26, less 1.", lambda i: i.ema(12) / i.ema(26) - 1.0),
    _directional("plus_di_14", 0, 15, "Upward share of the true range, Wilder's sums over 14."),
    _directional("minus_di_14", 1, 15, "Downward share of the true range, Wilder's sums over 14."),
    _directional("adx_14", 2, 28, "Strength of the direction, whichever it is: Wilder's average of DX over 14."),
    _aroon("aroon_up_25", 1.0, "high", "highest high"),
    _aroon("aroon_down_25", -1.0, "low", "lowest low"),
    FactorSpec(
        name="trix_15",
        family=Family.TREND,
        unit=Unit.FRACTION,
        lookback=44,
        inputs=("close",),
        description="Change since the last session of the close averaged exponentially three times over 15.",
        formula=lambda i: i.trix(15),
        recursive=True,
        source=TALIB,
    ),
    FactorSpec(
        name="sar",
        family=Family.TREND,
        unit=Unit.FRACTION,
        lookback=2,
        inputs=("high", "low", "close"),
        description="Close over Wilder's parabolic stop (acceleration 0.02 up to 0.2), less 1; < 0 in a falling trend.",
        formula=lambda i: i.now("close") / i.parabolic() - 1.0,
        recursive=True,
        source=TALIB,
    ),
)
