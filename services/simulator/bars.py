"""Bars of any part of the generated market: raw, adjusted as the vendor does it, and still running."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.simulator.market import Market
from services.simulator.noise import noise_at
from services.simulator.portable import exp, growth

SCALE: Final = 10_000
"""Prices are counted in units of $0.0001 and volumes in units of 0.0001 shares."""

_ABSENT_ODDS: Final = 600  # of 65,536: bars without `vw` and `n`
_FRACTION_ODDS: Final = 6_000  # of 65,536: bars with a fractional volume


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars of a grid. Axes of all arrays: (session, column); int64; what did not trade is False in `traded`.

    Args:
        traded: whether there is a bar, bool.
        open: units of $0.0001, like the other prices.
        high: at least open and close.
        low: at most open and close, at least 1.
        close: raw, or restated by `adjust`.
        average: volume-weighted price; 0 where the vendor leaves it out, together with `trades`.
        volume: units of 0.0001 shares.
        trades: number of transactions.
    """

    traded: NDArray[np.bool_]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    average: NDArray[np.int64]
    volume: NDArray[np.int64]
    trades: NDArray[np.int64]


def raw_bars(market: Market, sessions: NDArray[np.int64], columns: NDArray[np.int64]) -> Bars:
    """Return the bars as they were traded, for positions along both axes. The same bar comes out of every grid."""
    noise = noise_at(market.spec.seed, sessions, columns)
    counted = market.closes[np.ix_(sessions, columns)]
    traded = counted > 0
    close = np.maximum(counted, 1).astype(np.float64)
    before = market.closes[np.ix_(np.maximum(sessions - 1, 0), columns)]
    before = np.where(before > 0, before * market.splits.previous_basis(sessions, columns), close)
    spread = market.traits.spread[columns]
    # A part of the move happens over night; the rest, and some noise, between open and close.
    opened = _quoted((before + 0.4 * (close - before)) * growth(0.35 * spread * noise.gap))
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    high = np.maximum(_quoted(top * (1 + 0.45 * spread * noise.upper)), top)
    low = np.minimum(_quoted(bottom / (1 + 0.45 * spread * noise.lower)), bottom)
    surprise = np.minimum(np.abs(close - before) / (np.minimum(close, before) * (spread + 0.002)), 6)
    activity = exp(0.35 * noise.activity + 0.25 * surprise) * np.where(market.half_days[sessions], 0.45, 1.0)[:, None]
    shares = np.maximum(market.traits.dollars[columns] * activity / (close / SCALE), 1)
    present = noise.dice >= _ABSENT_ODDS
    fractional = noise.dice >= 65_536 - _FRACTION_ODDS
    volume = np.where(fractional, shares * SCALE, np.rint(shares) * SCALE)
    return Bars(
        traded=traded,
        open=opened.astype(np.int64),
        high=high.astype(np.int64),
        low=low.astype(np.int64),
        close=close.astype(np.int64),
        average=np.where(present, np.rint((opened + high + low + 3 * close) / 6), 0).astype(np.int64),
        volume=volume.astype(np.int64),
        trades=np.where(present, np.maximum(shares / 90, 1), 0).astype(np.int64),
    )


def adjusted_bars(market: Market, executed: int, sessions: NDArray[np.int64], columns: NDArray[np.int64]) -> Bars:
    """Return the bars restated for the splits that executed up to and including the session at `executed`."""
    bars = raw_bars(market, sessions, columns)
    factor = market.splits.adjustment(executed, sessions, columns)
    prices = {
        name: np.maximum(np.rint(getattr(bars, name) / factor), 1).astype(np.int64)
        for name in ("open", "high", "low", "close")
    }
    average = np.rint(bars.average / factor).astype(np.int64)
    return replace(bars, **prices, average=average, volume=np.rint(bars.volume * factor).astype(np.int64))


def running_bars(bars: Bars, elapsed: float | NDArray[np.float64]) -> Bars:
    """Return what the bars of a whole session look like when a fraction of it, 0..1, has elapsed."""
    close = np.rint(bars.open + (bars.close - bars.open) * elapsed).astype(np.int64)
    top, bottom = np.maximum(bars.open, close), np.minimum(bars.open, close)
    return replace(
        bars,
        close=close,
        high=np.rint(top + (bars.high - np.maximum(bars.open, bars.close)) * elapsed).astype(np.int64),
        low=np.rint(bottom - (np.minimum(bars.open, bars.close) - bars.low) * elapsed).astype(np.int64),
        volume=np.maximum(np.rint(bars.volume * elapsed), 1).astype(np.int64),
        trades=np.rint(bars.trades * elapsed).astype(np.int64),
    )


def _quoted(price: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round units of $0.0001 to whole cents from $1 on, and to at least one unit below."""
    return np.where(price < SCALE, np.maximum(np.rint(price), 1), np.rint(price / 100) * 100)
