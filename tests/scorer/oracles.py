"""The factors once more: TA-Lib where it has the indicator, plain Python with exact sums for the rest."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import talib
from numpy.typing import NDArray

from services.scorer.series import Series

Array = NDArray[np.float64]

TA: Any = talib  # its stubs leave out part of what it exports
SMA_TYPE, EMA_TYPE = TA.MA_Type.SMA, TA.MA_Type.EMA


@dataclass(frozen=True, slots=True)
class Bars:
    """Carried bars of one symbol from its first one on, and the benchmark's closes of the same sessions."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    spy: Array

    @classmethod
    def of(cls, series: Series, column: int, spy: Array) -> Self:
        """Cut one symbol out of a block."""
        start = series.first[column]
        open_, high, low, close, volume = (np.ascontiguousarray(field[start:, column]) for field in series.bars)
        return cls(open_, high, low, close, volume, spy[start:])


class TooShortError(Exception):
    """There are fewer bars than the formula reads."""


def value(name: str, bars: Bars) -> float:
    """Compute a factor at the last bar; NaN if there is no value."""
    try:
        result = float(ORACLES[name](bars))
    except (TooShortError, ZeroDivisionError):
        return math.nan
    return result if math.isfinite(result) else math.nan


def _last(x: Sequence[float] | Array, n: int) -> list[float]:
    if len(x) < n:
        raise TooShortError
    return [float(item) for item in x[len(x) - n :]]


def _ago(x: Array, n: int) -> float:
    return _last(x, n + 1)[0]


def _mean(x: Sequence[float]) -> float:
    return math.fsum(x) / len(x)


def _deviation(x: Sequence[float], ddof: int) -> float:
    mean = _mean(x)
    return math.sqrt(math.fsum((item - mean) ** 2 for item in x) / (len(x) - ddof))


def _flat(x: Sequence[float]) -> bool:
    return max(x) == min(x)


def _return(x: Array, n: int) -> float:
    return float(x[-1]) / _ago(x, n) - 1


def _returns(x: Array, n: int) -> list[float]:
    window = _last(x, n + 1)
    return [window[k + 1] / window[k] - 1 for k in range(n)]


def _typical(b: Bars, n: int) -> list[float]:
    return [math.fsum(bar) / 3 for bar in zip(_last(b.high, n), _last(b.low, n), _last(b.close, n), strict=True)]


def _volatility(b: Bars, n: int) -> float:
    return _deviation(_returns(b.close, n), 1) * math.sqrt(252)


def _downside(b: Bars) -> float:
    return math.sqrt(_mean([min(r, 0.0) ** 2 for r in _returns(b.close, 20)]) * 252)


def _band(b: Bars) -> float:
    window = _last(b.close, 20)
    return 0.0 if _flat(window) else 2 * _deviation(window, 0)


def _pctb(b: Bars) -> float:
    band = _band(b)
    return (float(b.close[-1]) - _mean(_last(b.close, 20)) + band) / (2 * band)


def _keltner(b: Bars) -> float:
    middle, band = TA.EMA(b.close, 20)[-1], 1.5 * TA.ATR(b.high, b.low, b.close, 20)[-1]
    return float((b.close[-1] - middle + band) / (2 * band)) if band != 0 else math.nan


def _drawdown(b: Bars, n: int) -> float:
    window = _last(b.close, n)
    return min(window[k] / max(window[: k + 1]) - 1 for k in range(n))


def _volume_z(b: Bars) -> float:
    window = _last(b.volume, 20)
    return math.nan if _flat(window) else (window[-1] - _mean(window)) / _deviation(window, 1)


def _vwap(b: Bars) -> float:
    volume = _last(b.volume, 20)
    paid = math.fsum(price * shares for price, shares in zip(_typical(b, 20), volume, strict=True))
    return float(b.close[-1]) * math.fsum(volume) / paid - 1


def _cmf(b: Bars) -> float:
    bars = zip(_last(b.high, 20), _last(b.low, 20), _last(b.close, 20), _last(b.volume, 20), strict=True)
    flow = [0.0 if h == low else ((c - low) - (h - c)) / (h - low) * v for h, low, c, v in bars]
    return math.fsum(flow) / math.fsum(_last(b.volume, 20))


def _donchian(b: Bars) -> float:
    top, bottom = max(_last(b.high, 20)), min(_last(b.low, 20))
    return (float(b.close[-1]) - bottom) / (top - bottom)


def _regression(b: Bars, n: int) -> tuple[float, float, float]:
    y, x = _returns(b.close, n), _returns(b.spy, n)
    mean_y, mean_x = _mean(y), _mean(x)
    cross = math.fsum((p - mean_y) * (q - mean_x) for p, q in zip(y, x, strict=True))
    square_x = math.fsum((q - mean_x) ** 2 for q in x)
    square_y = math.fsum((p - mean_y) ** 2 for p in y)
    slope = cross / square_x
    correlation = cross / math.sqrt(square_x * square_y) if square_y else math.nan
    return slope, mean_y - slope * mean_x, correlation


def _macd_line(b: Bars) -> float:
    if len(b.close) < 26:
        raise TooShortError
    return float(TA.EMA(b.close[14:], 12)[-1] - TA.EMA(b.close, 26)[-1])


Oracle = Callable[[Bars], float]


def _each(name: str, windows: tuple[int, ...], formula: Callable[[Bars, int], float]) -> dict[str, Oracle]:
    def of(n: int) -> Oracle:
        return lambda b: formula(b, n)

    return {name.format(n): of(n) for n in windows}


ORACLES: dict[str, Oracle] = {
    **_each("ret_{}", (1, 5, 21, 63, 126, 189, 252), lambda b, n: _return(b.close, n)),
    "mom_12_1": lambda b: _ago(b.close, 21) / _ago(b.close, 252) - 1,
    "overnight_gap": lambda b: float(b.open[-1]) / _ago(b.close, 1) - 1,
    **_each("sma_{}", (10, 20, 50, 100, 200), lambda b, n: TA.SMA(b.close, n)[-1]),
    **_each("ema_{}", (12, 20, 26, 50, 200), lambda b, n: TA.EMA(b.close, n)[-1]),
    **_each("close_over_sma_{}", (10, 20, 50, 100, 200), lambda b, n: b.close[-1] / _mean(_last(b.close, n)) - 1),
    **_each("close_over_ema_{}", (12, 20, 26, 50, 200), lambda b, n: b.close[-1] / TA.EMA(b.close, n)[-1] - 1),
    "sma_20_over_50": lambda b: _mean(_last(b.close, 20)) / _mean(_last(b.close, 50)) - 1,
    "sma_50_over_200": lambda b: _mean(_last(b.close, 50)) / _mean(_last(b.close, 200)) - 1,
    "linreg_slope_20": lambda b: TA.LINEARREG_SLOPE(b.close, 20)[-1] / b.close[-1],
    "macd": _macd_line,
    "macd_signal": lambda b: TA.MACD(b.close)[1][-1],
    "macd_hist": lambda b: TA.MACD(b.close)[2][-1],
    "macd_hist_pct": lambda b: TA.MACD(b.close)[2][-1] / b.close[-1],
    "ppo": lambda b: TA.PPO(b.close, 12, 26, EMA_TYPE)[-1] / 100,
    "plus_di_14": lambda b: TA.PLUS_DI(b.high, b.low, b.close, 14)[-1],
    "minus_di_14": lambda b: TA.MINUS_DI(b.high, b.low, b.close, 14)[-1],
    "adx_14": lambda b: TA.ADX(b.high, b.low, b.close, 14)[-1],
    "rsi_2": lambda b: TA.RSI(b.close, 2)[-1],
    "rsi_14": lambda b: TA.RSI(b.close, 14)[-1],
    "cmo_14": lambda b: TA.CMO(b.close, 14)[-1],
    "stoch_k": lambda b: TA.STOCH(b.high, b.low, b.close, 14, 3, SMA_TYPE, 3, SMA_TYPE)[0][-1],
    "stoch_d": lambda b: TA.STOCH(b.high, b.low, b.close, 14, 3, SMA_TYPE, 3, SMA_TYPE)[1][-1],
    "williams_r_14": lambda b: TA.WILLR(b.high, b.low, b.close, 14)[-1],
    "cci_20": lambda b: TA.CCI(b.high, b.low, b.close, 20)[-1],
    "roc_10": lambda b: TA.ROCP(b.close, 10)[-1],
    "roc_20": lambda b: TA.ROCP(b.close, 20)[-1],
    "atr_14": lambda b: TA.ATR(b.high, b.low, b.close, 14)[-1],
    "atr_pct_14": lambda b: TA.ATR(b.high, b.low, b.close, 14)[-1] / b.close[-1],
    "vol_realized_20": lambda b: _volatility(b, 20),
    "vol_realized_60": lambda b: _volatility(b, 60),
    "vol_ratio_20_60": lambda b: _volatility(b, 20) / _volatility(b, 60),
    "downside_vol_20": _downside,
    "bb_width_20": lambda b: 2 * _band(b) / _mean(_last(b.close, 20)),
    "bb_pctb_20": _pctb,
    "keltner_pos_20": _keltner,
    "max_drawdown_63": lambda b: _drawdown(b, 63),
    "max_drawdown_252": lambda b: _drawdown(b, 252),
    "volume_mean_20": lambda b: _mean(_last(b.volume, 20)),
    "dollar_vol_20": lambda b: _mean(_last(b.close * b.volume, 20)),
    "dollar_vol_60": lambda b: _mean(_last(b.close * b.volume, 60)),
    "vol_spike": lambda b: float(b.volume[-1]) / _mean(_last(b.volume, 20)),
    "volume_z_20": _volume_z,
    "vwap_dist_20": _vwap,
    "cmf_20": _cmf,
    "mfi_14": lambda b: TA.MFI(b.high, b.low, b.close, b.volume, 14)[-1],
    **_each("pct_from_high_{}", (20, 252), lambda b, n: b.close[-1] / TA.MAX(b.close, n)[-1] - 1),
    **_each("pct_from_low_{}", (20, 252), lambda b, n: b.close[-1] / TA.MIN(b.close, n)[-1] - 1),
    "high_10": lambda b: TA.MAX(b.high, 10)[-1],
    "low_10": lambda b: TA.MIN(b.low, 10)[-1],
    "donchian_pos_20": _donchian,
    "beta_60": lambda b: _regression(b, 60)[0],
    "beta_252": lambda b: _regression(b, 252)[0],
    "corr_252": lambda b: _regression(b, 252)[2],
    "alpha_residual_63": lambda b: _regression(b, 63)[1] * 252,
    **_each("rel_strength_{}", (63, 126, 252), lambda b, n: _return(b.close, n) - _return(b.spy, n)),
}
