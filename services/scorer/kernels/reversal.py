"""Wilder's parabolic stop and reverse, with TA-Lib's seed."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel

Array = NDArray[np.float64]


@kernel
def parabolic(high: Array, low: Array, first: NDArray[np.int64], step: float, limit: float, rows: int) -> Array:
    """Stop of the running position: below the price of a long one, above that of a short one.

    The second bar opens the first position: short if the low fell, and by more than the high rose; else long.

    Args:
        high: (session, symbol).
        low: (session, symbol).
        first: (symbol,) session of the symbol's first bar; -1 where there is none.
        step: acceleration at the start, and added at each new extreme.
        limit: largest acceleration.
        rows: newest sessions to return.
    """
    sessions, symbols = high.shape
    out = np.full((rows, symbols), np.nan)
    stop, extreme, pace = np.zeros(symbols), np.zeros(symbols), np.zeros(symbols)
    side = np.zeros(symbols)
    for t in range(1, sessions):
        row = t - sessions + rows
        for j in range(symbols):
            age = t - first[j]
            if first[j] < 0 or age < 1:
                continue
            # Of a short position everything is mirrored: highs are negated lows, lows negated highs.
            if age == 1:
                fall, rise = low[t - 1, j] - low[t, j], high[t, j] - high[t - 1, j]
                side[j] = -1.0 if fall > 0.0 and fall > rise else 1.0
                stop[j] = low[t - 1, j] if side[j] > 0.0 else -high[t - 1, j]
                extreme[j] = high[t, j] if side[j] > 0.0 else -low[t, j]
                pace[j] = step
            # At its start a position knows only its own bar as the one before.
            before = t if age == 1 else t - 1
            up, down = (high[t, j], low[t, j]) if side[j] > 0.0 else (-low[t, j], -high[t, j])
            base = low[before, j] if side[j] > 0.0 else -high[before, j]
            if down <= stop[j]:
                top = high[before, j] if side[j] > 0.0 else -low[before, j]
                reached = -max(extreme[j], top, up)
                side[j] = -side[j]
                if row >= 0:
                    out[row, j] = side[j] * reached
                extreme[j] = -down
                pace[j] = step
                stop[j] = min(reached + step * (extreme[j] - reached), -top, -up)
            else:
                if row >= 0:
                    out[row, j] = side[j] * stop[j]
                if up > extreme[j]:
                    extreme[j] = up
                    pace[j] = min(pace[j] + step, limit)
                stop[j] = min(stop[j] + pace[j] * (extreme[j] - stop[j]), base, down)
    return out
