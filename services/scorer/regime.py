"""The state of the market as a whole, from the closes of eight ETFs (scoring.md, "Market regime")."""

import math
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.market.regime import Regime
from services.market.vocabulary import Trend, Volatility

CONTEXT_SYMBOLS = ("SPY", "QQQ", "HYG", "LQD", "SHY", "TLT", "IEF", "VIXY")
"""What a regime is made from; SPY first, as it is also the benchmark."""

Closes = Mapping[str, NDArray[np.float64]]

HIGH_VOLATILITY = 1.25
SPIKE = 1.5


def find_regime(closes: Closes) -> Regime:
    """Read the regime from carried closes.

    - trend: UP if SPY's sma_50 > sma_200 and close > sma_50, DOWN if both are below, else SIDEWAYS.
    - volatility: HIGH if SPY's vol_ratio_20_60, as the factor, is above 1.25, else LOW.
    - `qqq_spy_slope_60`, `shy_tlt_slope_60`, `shy_ief_slope_60`: least-squares slope a session of the ratio of closes
      over 60 sessions, over the ratio's mean there: a fraction a session.
    - `qqq_spy_return_20`, `hyg_lqd_change_20`: change of the ratio over 20 sessions, a fraction.
    - `hyg_lqd_level`: the ratio itself.
    - `vixy_return_20`: simple return over 20 sessions, a fraction.
    - `spy_vol_5_20`: standard deviation (ddof 1) of 5 returns over that of 20; above 1.5 is a spike.

    Args:
        closes: (session,) float64, USD, NaN before a symbol's first bar, ending with as_of; an ETF without bars is
            absent. A value that needs more sessions than there are is absent too. Sums are exact (`math.fsum`).
    """
    spy = closes.get("SPY", np.empty(0))
    short_long, five_twenty = _volatility_ratio(spy, 20, 60), _volatility_ratio(spy, 5, 20)
    candidates = {
        "qqq_spy_slope_60": _slope(_ratio(closes, "QQQ", "SPY")),
        "qqq_spy_return_20": _change(_ratio(closes, "QQQ", "SPY")),
        "hyg_lqd_level": _level(_ratio(closes, "HYG", "LQD")),
        "hyg_lqd_change_20": _change(_ratio(closes, "HYG", "LQD")),
        "shy_tlt_slope_60": _slope(_ratio(closes, "SHY", "TLT")),
        "shy_ief_slope_60": _slope(_ratio(closes, "SHY", "IEF")),
        "vixy_return_20": _change(closes.get("VIXY", np.empty(0))),
        "spy_vol_5_20": five_twenty,
    }
    return Regime(
        trend=_trend(spy),
        volatility=_volatility(short_long),
        macro={name: value for name, value in candidates.items() if value is not None},
        volatility_spike=None if five_twenty is None else five_twenty > SPIKE,
        missing=tuple(symbol for symbol in CONTEXT_SYMBOLS if symbol not in closes),
    )


def _trend(spy: NDArray[np.float64]) -> Trend | None:
    fast, slow, now = _newest(spy, 50), _newest(spy, 200), _newest(spy, 1)
    if fast is None or slow is None or now is None:
        return None
    sma_50, sma_200, close = math.fsum(fast) / 50, math.fsum(slow) / 200, now[0]
    if sma_50 > sma_200 and close > sma_50:
        return Trend.UP
    if sma_50 < sma_200 and close < sma_50:
        return Trend.DOWN
    return Trend.SIDEWAYS


def _volatility(short_long: float | None) -> Volatility | None:
    if short_long is None:
        return None
    return Volatility.HIGH if short_long > HIGH_VOLATILITY else Volatility.LOW


def _newest(x: NDArray[np.float64], n: int) -> list[float] | None:
    """Give the last n values, or None if there are not n of them, all finite."""
    values: list[float] = x[-n:].tolist()
    return values if len(values) == n and all(map(math.isfinite, values)) else None


def _ratio(closes: Closes, symbol: str, base: str) -> NDArray[np.float64]:
    if symbol not in closes or base not in closes:
        return np.empty(0)
    return np.divide(closes[symbol], closes[base])


def _level(x: NDArray[np.float64]) -> float | None:
    values = _newest(x, 1)
    return None if values is None else values[0]


def _change(x: NDArray[np.float64]) -> float | None:
    values = _newest(x, 21)
    return None if values is None or values[0] == 0 else values[-1] / values[0] - 1


def _slope(x: NDArray[np.float64]) -> float | None:
    values = _newest(x, 60)
    if values is None or (mean := math.fsum(values) / 60) == 0:
        return None
    spread = 60 * (60 * 60 - 1) / 12
    return math.fsum((t - 29.5) * (value - mean) for t, value in enumerate(values)) / spread / mean


def _volatility_ratio(spy: NDArray[np.float64], short: int, long: int) -> float | None:
    values = _newest(spy, long + 1)
    if values is None or min(values) <= 0:
        return None
    returns = [after / before - 1 for before, after in pairwise(values)]
    whole = _deviation(returns)
    return _deviation(returns[-short:]) / whole if whole > 0 else None


def _deviation(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
