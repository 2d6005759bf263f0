"""A symbol's returns against the benchmark's."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel

Array = NDArray[np.float64]


@kernel
def _moments(x: Array, start: int, end: int) -> tuple[float, float]:
    """Mean, and sum of squared distances from it."""
    level, spread = 0.0, 0.0
    for t in range(start, end):
        level += x[t, 0]
    level /= end - start
    for t in range(start, end):
        spread += (x[t, 0] - level) * (x[t, 0] - level)
    return level, spread


@kernel
def regression(y: Array, x: Array, n: int, rows: int) -> Array:
    """Least-squares line of y on x over the last n sessions: (3, rows, symbol) of slope, intercept, correlation.

    Args:
        y: (session, symbol).
        x: (session, 1), the same for every symbol.
        n: sessions of the window.
        rows: newest sessions to return.
    """
    sessions, symbols = y.shape
    out = np.full((3, rows, symbols), np.nan)
    mean, cross, square = np.empty(symbols), np.empty(symbols), np.empty(symbols)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            start = end - n
            level, spread = _moments(x, start, end)
            mean[:] = 0.0
            cross[:] = 0.0
            square[:] = 0.0
            for t in range(start, end):
                for j in range(symbols):
                    mean[j] += y[t, j]
            for j in range(symbols):
                mean[j] /= n
            for t in range(start, end):
                for j in range(symbols):
                    distance = y[t, j] - mean[j]
                    cross[j] += distance * (x[t, 0] - level)
                    square[j] += distance * distance
            for j in range(symbols):
                out[0, r, j] = cross[j] / spread
                out[1, r, j] = mean[j] - out[0, r, j] * level
                out[2, r, j] = cross[j] / np.sqrt(spread * square[j])
    return out
