"""The factors once more: TA-Lib where it has the indicator, plain loops with exact sums for the rest."""

import math
from collections.abc import Callable
from typing import Any, Final

import talib

from tests.scorer import plain
from tests.scorer.plain import Array, Bars, TooShortError, ago, last, mean, simple_return

Oracle = Callable[[Bars], float]

TA: Any = talib  # its stubs leave out part of what it exports
SMA_TYPE, EMA_TYPE = TA.MA_Type.SMA, TA.MA_Type.EMA


def value(name: str, bars: Bars) -> float:
    """Compute a factor at the last bar; NaN if there is no value."""
    oracle = EXACT[name] if name in EXACT and _is_rough(name, bars) else ORACLES[name]
    try:
        result = float(oracle(bars))
    except (TooShortError, ZeroDivisionError):
        return math.nan
    return result if math.isfinite(result) else math.nan


def _is_rough(name: str, bars: Bars) -> bool:
    """Tell where rounding decides TA-Lib's value: running sums after a jump or without a move, or equal prices."""
    ratio = float(bars.high.max() / bars.low.min())
    still = any(plain.flat(x[-7:].tolist()) for x in (bars.close, bars.volume))
    tied = name == "mfi_14" and plain.tied(bars, 15)
    return ratio > JUMPS.get(name, 1e6) or still or tied or float(bars.volume.max()) < 1.0


def _keltner(b: Bars) -> tuple[float, float]:
    return float(TA.EMA(b.close, 20)[-1]), float(1.5 * TA.ATR(b.high, b.low, b.close, 20)[-1])


def _keltner_place(b: Bars) -> float:
    middle, band = _keltner(b)
    return (float(b.close[-1]) - middle + band) / (2 * band) if band != 0 else math.nan


def _squeeze(b: Bars) -> float:
    middle, band = _keltner(b)
    average, bollinger = mean(last(b.close, 20)), plain.band(b)
    if math.isnan(band):
        return math.nan
    return float(average + bollinger < middle + band and average - bollinger > middle - band)


def _macd_line(b: Bars) -> float:
    if len(b.close) < 26:
        raise TooShortError
    return float(TA.EMA(b.close[14:], 12)[-1] - TA.EMA(b.close, 26)[-1])


def _slope_to_volume(line: Array, volume: Array) -> float:
    return plain.slope(last(line, 20)) / mean(last(volume, 20))


def _bands(b: Bars) -> tuple[float, float, float]:
    upper, middle, lower = TA.BBANDS(b.close, 20, 2, 2, SMA_TYPE)
    return upper[-1], middle[-1], lower[-1]


def _bollinger_width(b: Bars) -> float:
    upper, middle, lower = _bands(b)
    return (upper - lower) / middle


def _bollinger_place(b: Bars) -> float:
    upper, _, lower = _bands(b)
    return (float(b.close[-1]) - lower) / (upper - lower)


def _ma_slope(b: Bars) -> float:
    average = TA.SMA(b.close, 20)
    if len(b.close) < 39:
        raise TooShortError
    return float(TA.LINEARREG_SLOPE(average[19:], 20)[-1] / average[-1])


def _stochastic(b: Bars, mean_of_d: int) -> float:
    return float(TA.STOCH(b.high, b.low, b.close, 14, 3, SMA_TYPE, mean_of_d, SMA_TYPE)[1][-1])


def _stochastic_rsi(b: Bars, mean_of_d: int) -> float:
    k = [plain.place(last(TA.RSI(b.close, 14)[14:], 14 + back)[:14]) for back in range(mean_of_d)]
    if any(math.isnan(item) for item in k):  # a range of rounding alone, which TA-Lib takes for one
        return mean([0.0 if math.isnan(item) else item for item in k])
    return float(TA.STOCHRSI(b.close, 14, 14, mean_of_d, SMA_TYPE)[1][-1])


def _each(name: str, windows: tuple[int, ...], formula: Callable[[Bars, int], float]) -> dict[str, Oracle]:
    def of(n: int) -> Oracle:
        return lambda b: formula(b, n)

    return {name.format(n): of(n) for n in windows}


SMA: Final = (10, 20, 50, 100, 200)
EMA: Final = (12, 20, 26, 50, 200)

TALIB: dict[str, Oracle] = {
    **_each("sma_{}", SMA, lambda b, n: TA.SMA(b.close, n)[-1]),
    **_each("ema_{}", EMA, lambda b, n: TA.EMA(b.close, n)[-1]),
    **_each("close_over_sma_{}", SMA, lambda b, n: b.close[-1] / TA.SMA(b.close, n)[-1] - 1),
    **_each("close_over_ema_{}", EMA, lambda b, n: b.close[-1] / TA.EMA(b.close, n)[-1] - 1),
    "sma_20_over_50": lambda b: TA.SMA(b.close, 20)[-1] / TA.SMA(b.close, 50)[-1] - 1,
    "sma_50_over_200": lambda b: TA.SMA(b.close, 50)[-1] / TA.SMA(b.close, 200)[-1] - 1,
    "linreg_slope_20": lambda b: TA.LINEARREG_SLOPE(b.close, 20)[-1] / b.close[-1],
    "ma_slope_20": _ma_slope,
    "macd": _macd_line,
    "macd_signal": lambda b: TA.MACD(b.close)[1][-1],
    "macd_hist": lambda b: TA.MACD(b.close)[2][-1],
    "macd_hist_pct": lambda b: TA.MACD(b.close)[2][-1] / b.close[-1],
    "ppo": lambda b: TA.PPO(b.close, 12, 26, EMA_TYPE)[-1] / 100,
    "plus_di_14": lambda b: TA.PLUS_DI(b.high, b.low, b.close, 14)[-1],
    "minus_di_14": lambda b: TA.MINUS_DI(b.high, b.low, b.close, 14)[-1],
    "adx_14": lambda b: TA.ADX(b.high, b.low, b.close, 14)[-1],
    "aroon_up_25": lambda b: TA.AROON(b.high, b.low, 25)[1][-1],
    "aroon_down_25": lambda b: TA.AROON(b.high, b.low, 25)[0][-1],
    "trix_15": lambda b: TA.TRIX(b.close, 15)[-1] / 100,
    "sar": lambda b: b.close[-1] / TA.SAR(b.high, b.low, 0.02, 0.2)[-1] - 1,
    "rsi_2": lambda b: TA.RSI(b.close, 2)[-1],
    "rsi_14": lambda b: TA.RSI(b.close, 14)[-1],
    "cmo_14": lambda b: TA.CMO(b.close, 14)[-1],
    "stoch_k": lambda b: _stochastic(b, 1),
    "stoch_d": lambda b: _stochastic(b, 3),
    "stochrsi_k": lambda b: _stochastic_rsi(b, 1),
    "stochrsi_d": lambda b: _stochastic_rsi(b, 3),
    "williams_r_14": lambda b: TA.WILLR(b.high, b.low, b.close, 14)[-1],
    "cci_20": lambda b: TA.CCI(b.high, b.low, b.close, 20)[-1],
    "ultosc": lambda b: TA.ULTOSC(b.high, b.low, b.close, 7, 14, 28)[-1],
    "roc_10": lambda b: TA.ROCP(b.close, 10)[-1],
    "roc_20": lambda b: TA.ROCP(b.close, 20)[-1],
    "atr_14": lambda b: TA.ATR(b.high, b.low, b.close, 14)[-1],
    "atr_pct_14": lambda b: TA.ATR(b.high, b.low, b.close, 14)[-1] / b.close[-1],
    "bb_width_20": _bollinger_width,
    "bb_pctb_20": _bollinger_place,
    "keltner_pos_20": _keltner_place,
    "squeeze": _squeeze,
    "obv_slope_20": lambda b: _slope_to_volume(TA.OBV(b.close, b.volume), b.volume),
    "ad_slope_20": lambda b: _slope_to_volume(TA.AD(b.high, b.low, b.close, b.volume), b.volume),
    "mfi_14": lambda b: TA.MFI(b.high, b.low, b.close, b.volume, 14)[-1],
    **_each("pct_from_high_{}", (20, 252), lambda b, n: b.close[-1] / TA.MAX(b.close, n)[-1] - 1),
    **_each("pct_from_low_{}", (20, 252), lambda b, n: b.close[-1] / TA.MIN(b.close, n)[-1] - 1),
    "high_10": lambda b: TA.MAX(b.high, 10)[-1],
    "low_10": lambda b: TA.MIN(b.low, 10)[-1],
}
"""Factors that TA-Lib has, alone or as a part."""

PLAIN: dict[str, Oracle] = {
    **_each("ret_{}", (1, 5, 21, 63, 126, 189, 252), lambda b, n: simple_return(b.close, n)),
    "mom_12_1": lambda b: ago(b.close, 21) / ago(b.close, 252) - 1,
    "overnight_gap": lambda b: float(b.open[-1]) / ago(b.close, 1) - 1,
    "gap_mean_10": plain.gap_mean,
    "linreg_r2_20": plain.straightness,
    "vol_realized_20": lambda b: plain.volatility(b, 20),
    "vol_realized_60": lambda b: plain.volatility(b, 60),
    "vol_ratio_20_60": lambda b: plain.volatility(b, 20) / plain.volatility(b, 60),
    "downside_vol_20": plain.downside,
    "parkinson_20": plain.parkinson,
    "skew_60": plain.skewness,
    **_each("max_drawdown_{}", (63, 252), plain.drawdown),
    "volume_mean_20": lambda b: mean(last(b.volume, 20)),
    **_each("dollar_vol_{}", (20, 60), lambda b, n: mean(last(b.close * b.volume, n))),
    "vol_spike": lambda b: float(b.volume[-1]) / mean(last(b.volume, 20)),
    "volume_z_20": plain.volume_z,
    "vwap_dist_20": plain.vwap,
    "cmf_20": plain.money_flow,
    "up_down_volume_50": plain.up_down_volume,
    "sessions_since_high_252": plain.sessions_since_high,
    "new_high_252": plain.new_high,
    "donchian_pos_20": plain.donchian,
    "nr7": plain.narrowest,
    "inside_day": plain.inside,
    **_each("beta_{}", (60, 252), lambda b, n: plain.regression(b, n)[0]),
    "corr_252": lambda b: plain.regression(b, 252)[2],
    "alpha_residual_63": lambda b: plain.regression(b, 63)[1] * 252,
    **_each("rel_strength_{}", (63, 126, 252), lambda b, n: simple_return(b.close, n) - simple_return(b.spy, n)),
}
"""Factors that TA-Lib has not, or by another definition."""

ORACLES: Final = TALIB | PLAIN

EXACT: dict[str, Oracle] = {
    **_each("sma_{}", SMA, lambda b, n: mean(last(b.close, n))),
    **_each("close_over_sma_{}", SMA, lambda b, n: b.close[-1] / mean(last(b.close, n)) - 1),
    "sma_20_over_50": lambda b: mean(last(b.close, 20)) / mean(last(b.close, 50)) - 1,
    "sma_50_over_200": lambda b: mean(last(b.close, 50)) / mean(last(b.close, 200)) - 1,
    "linreg_slope_20": lambda b: plain.slope(last(b.close, 20)) / b.close[-1],
    "ma_slope_20": plain.ma_slope,
    "ultosc": plain.ultimate,
    "bb_width_20": plain.bollinger_width,
    "bb_pctb_20": plain.bollinger_place,
    "mfi_14": plain.money_flow_index,
}
"""Exact sums for factors in which TA-Lib keeps running ones, for series in which these hold little but rounding."""

JUMPS: Final = dict.fromkeys(("bb_width_20", "bb_pctb_20"), 20.0)
"""Highest over lowest price of a series above which EXACT is the oracle, where it is not 1e6: these sum squares."""
