"""Factors as plain loops with exact sums, over the carried bars of one symbol, at the last of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.scorer.series import Series

Array = NDArray[np.float64]


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


def last(x: Sequence[float] | Array, n: int) -> list[float]:
    """Give the last n values."""
    if len(x) < n:
        raise TooShortError
    return [float(item) for item in x[len(x) - n :]]


def ago(x: Array, n: int) -> float:
    return last(x, n + 1)[0]


def mean(x: Sequence[float]) -> float:
    return math.fsum(x) / len(x)


def deviation(x: Sequence[float], ddof: int) -> float:
    level = mean(x)
    return math.sqrt(math.fsum((item - level) ** 2 for item in x) / (len(x) - ddof))


def flat(x: Sequence[float]) -> bool:
    return max(x) == min(x)


def simple_return(x: Array, n: int) -> float:
    return float(x[-1]) / ago(x, n) - 1


def returns(x: Array, n: int) -> list[float]:
    window = last(x, n + 1)
    return [window[k + 1] / window[k] - 1 for k in range(n)]


def slope(x: Sequence[float]) -> float:
    """Least-squares slope over all of `x`."""
    middle, level = (len(x) - 1) / 2, mean(x)
    spread = math.fsum((k - middle) ** 2 for k in range(len(x)))
    return math.fsum((k - middle) * (item - level) for k, item in enumerate(x)) / spread


def typical(b: Bars, n: int) -> list[float]:
    return [math.fsum(bar) / 3 for bar in zip(last(b.high, n), last(b.low, n), last(b.close, n), strict=True)]


def place(x: Sequence[float]) -> float:
    """Where the last value lies between the lowest, 0, and the highest, 100; NaN where nothing lies between them."""
    span = max(x) - min(x)
    return math.nan if span < 1e-4 else 100 * (x[-1] - min(x)) / span


def rounded_typical(b: Bars, n: int) -> list[float]:
    """Give typical prices added up in the order of the factors, which decides between prices that are really equal."""
    return [(h + low + c) / 3 for h, low, c in zip(last(b.high, n), last(b.low, n), last(b.close, n), strict=True)]


def tied(b: Bars, n: int) -> bool:
    """Tell whether some typical price is that of the session before but for rounding."""
    prices = rounded_typical(b, min(n, len(b.close)))
    return any(abs(now - before) < 1e-12 * now for before, now in pairwise(prices))


def gap_mean(b: Bars) -> float:
    opened, before = last(b.open, 10), last(b.close, 11)
    return mean([abs(opened[k] / before[k] - 1) for k in range(10)])


def ma_slope(b: Bars) -> float:
    closes = last(b.close, 39)
    averages = [mean(closes[k : k + 20]) for k in range(20)]
    return slope(averages) / averages[-1]


def straightness(b: Bars) -> float:
    window = last(b.close, 20)
    if flat(window):
        return math.nan
    level = mean(window)
    spread = math.fsum((k - 9.5) ** 2 for k in range(20))
    return slope(window) ** 2 * spread / math.fsum((item - level) ** 2 for item in window)


def volatility(b: Bars, n: int) -> float:
    return deviation(returns(b.close, n), 1) * math.sqrt(252)


def downside(b: Bars) -> float:
    return math.sqrt(mean([min(r, 0.0) ** 2 for r in returns(b.close, 20)]) * 252)


def band(b: Bars) -> float:
    """Two standard deviations of 20 closes."""
    window = last(b.close, 20)
    return 0.0 if flat(window) else 2 * deviation(window, 0)


def bollinger_width(b: Bars) -> float:
    return 2 * band(b) / mean(last(b.close, 20))


def bollinger_place(b: Bars) -> float:
    return (float(b.close[-1]) - mean(last(b.close, 20)) + band(b)) / (2 * band(b))


def parkinson(b: Bars) -> float:
    spans = [math.log(h / low) ** 2 for h, low in zip(last(b.high, 20), last(b.low, 20), strict=True)]
    return math.sqrt(252 * mean(spans) / (4 * math.log(2)))


def skewness(b: Bars) -> float:
    window = returns(b.close, 60)
    if flat(window):
        return math.nan
    level, spread = mean(window), deviation(window, 1)
    return 60 / (59 * 58) * math.fsum(((item - level) / spread) ** 3 for item in window)


def drawdown(b: Bars, n: int) -> float:
    peak, deepest = -math.inf, 0.0
    for price in last(b.close, n):
        peak = max(peak, price)
        deepest = min(deepest, price / peak - 1)
    return deepest


def volume_z(b: Bars) -> float:
    window = last(b.volume, 20)
    return math.nan if flat(window) else (window[-1] - mean(window)) / deviation(window, 1)


def vwap(b: Bars) -> float:
    volume = last(b.volume, 20)
    paid = math.fsum(price * shares for price, shares in zip(typical(b, 20), volume, strict=True))
    return float(b.close[-1]) * math.fsum(volume) / paid - 1


def money_flow(b: Bars) -> float:
    bars = zip(last(b.high, 20), last(b.low, 20), last(b.close, 20), last(b.volume, 20), strict=True)
    flow = [0.0 if h == low else ((c - low) - (h - c)) / (h - low) * v for h, low, c, v in bars]
    return math.fsum(flow) / math.fsum(last(b.volume, 20))


def money_flow_index(b: Bars) -> float:
    prices, volume = rounded_typical(b, 15), last(b.volume, 14)
    flows = [prices[k + 1] * volume[k] for k in range(14)]
    inflow = math.fsum(flow for k, flow in enumerate(flows) if prices[k + 1] > prices[k])
    outflow = math.fsum(flow for k, flow in enumerate(flows) if prices[k + 1] < prices[k])
    return 100 * inflow / (inflow + outflow) if inflow + outflow else 0.0


def up_down_volume(b: Bars) -> float:
    closes, volume = last(b.close, 51), last(b.volume, 50)
    rising = math.fsum(volume[k] for k in range(50) if closes[k + 1] > closes[k])
    return rising / math.fsum(volume[k] for k in range(50) if closes[k + 1] < closes[k])


def ultimate(b: Bars) -> float:
    highs, lows, closes = last(b.high, 28), last(b.low, 28), last(b.close, 29)
    floors = [min(lows[k], closes[k]) for k in range(28)]
    pressure = [closes[k + 1] - floors[k] for k in range(28)]
    spans = [max(highs[k], closes[k]) - floors[k] for k in range(28)]
    shares = [math.fsum(pressure[-n:]) / math.fsum(spans[-n:]) if any(spans[-n:]) else 0.0 for n in (7, 14, 28)]
    return 100 * (4 * shares[0] + 2 * shares[1] + shares[2]) / 7


def donchian(b: Bars) -> float:
    top, bottom = max(last(b.high, 20)), min(last(b.low, 20))
    return (float(b.close[-1]) - bottom) / (top - bottom)


def sessions_since_high(b: Bars) -> float:
    window = last(b.close, 252)
    return float(min(251 - k for k in range(252) if window[k] == max(window)))


def new_high(b: Bars) -> float:
    *before, now = last(b.close, 252)
    return float(all(now > price for price in before))


def narrowest(b: Bars) -> float:
    *before, now = [h - low for h, low in zip(last(b.high, 7), last(b.low, 7), strict=True)]
    return float(all(now < span for span in before))


def inside(b: Bars) -> float:
    (outer_high, high), (outer_low, low) = last(b.high, 2), last(b.low, 2)
    return float(high < outer_high and low > outer_low)


def regression(b: Bars, n: int) -> tuple[float, float, float]:
    """Slope, intercept and correlation of n returns on the benchmark's."""
    y, x = returns(b.close, n), returns(b.spy, n)
    mean_y, mean_x = mean(y), mean(x)
    cross = math.fsum((p - mean_y) * (q - mean_x) for p, q in zip(y, x, strict=True))
    square_x = math.fsum((q - mean_x) ** 2 for q in x)
    square_y = math.fsum((p - mean_y) ** 2 for p in y)
    steep = cross / square_x
    correlation = cross / math.sqrt(square_x * square_y) if square_y else math.nan
    return steep, mean_y - steep * mean_x, correlation
