"""Filling sessions without a trade."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel


@kernel
def carry(
    bars: NDArray[np.float64], begin: int, start: int, window: int
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Carry the close of the last bar into sessions without one, from session `start` on.

    A bar with a value that is NaN is no bar. Sessions from `begin` to `start` are looked at only to find last bars.

    Args:
        bars: (field, session, symbol) float64, read-only, NaN = no bar.
        begin: first session of the history.
        start: first session that is carried; >= begin.
        window: number of newest sessions in which carried ones are counted.

    Returns:
        Carried bars, (field, session from `begin` on, symbol), NaN before the first bar and before `start`; then per
        symbol, int64: session of the first bar at or after `start` and of the last bar, both counted from `begin`
        (-1: none); number of bars at or after `start`; number of carried sessions in the window.
    """
    fields, sessions, symbols = bars.shape
    out = np.full((fields, sessions - begin, symbols), np.nan)
    first = np.full(symbols, -1)
    last = np.full(symbols, -1)
    count = np.zeros(symbols, np.int64)
    carried = np.zeros(symbols, np.int64)
    close = np.full(symbols, np.nan)
    for t in range(begin, start):
        for j in range(symbols):
            if not np.isnan(bars[0, t, j] + bars[1, t, j] + bars[2, t, j] + bars[3, t, j] + bars[4, t, j]):
                last[j] = t - begin
    for t in range(start, sessions):
        row = t - begin
        inside = t >= sessions - window
        for j in range(symbols):
            o, h, l, c, v = bars[0, t, j], bars[1, t, j], bars[2, t, j], bars[3, t, j], bars[4, t, j]  # noqa: E741 - OHLC
            if not np.isnan(o + h + l + c + v):
                out[0, row, j], out[1, row, j], out[2, row, j], out[3, row, j], out[4, row, j] = o, h, l, c, v
                close[j] = c
                if first[j] < 0:
                    first[j] = row
                last[j] = row
                count[j] += 1
            elif first[j] >= 0:
                before = close[j]
                out[0, row, j], out[1, row, j], out[2, row, j], out[3, row, j] = before, before, before, before
                out[4, row, j] = 0.0
                if inside:
                    carried[j] += 1
    return out, first, last, count, carried
