"""Windows and recursions over one series: sums, deviations, trends, exponential averages."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel

Array = NDArray[np.float64]


@kernel
def total(x: Array, n: int, rows: int) -> Array:
    """Sum the last n sessions, oldest first, afresh in every window, so that nothing older leaves a trace."""
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            for j in range(symbols):
                out[r, j] = x[end - n, j]
            for t in range(end - n + 1, end):
                for j in range(symbols):
                    out[r, j] += x[t, j]
    return out


@kernel
def deviation(x: Array, n: int, ddof: int, rows: int) -> Array:
    """Standard deviation of the last n sessions in two passes, over n - ddof.

    Values are taken less the window's first one, so that a window of equal values has exactly 0.
    """
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    mean = np.empty(symbols)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            start = end - n
            mean[:] = 0.0
            for t in range(start, end):
                for j in range(symbols):
                    mean[j] += x[t, j] - x[start, j]
            for j in range(symbols):
                mean[j] /= n
                out[r, j] = 0.0
            for t in range(start, end):
                for j in range(symbols):
                    distance = x[t, j] - x[start, j] - mean[j]
                    out[r, j] += distance * distance
            for j in range(symbols):
                out[r, j] = np.sqrt(out[r, j] / (n - ddof))
    return out


@kernel
def mean_distance(x: Array, n: int, rows: int) -> Array:
    """Distance of the last value from the mean of the last n, and the mean absolute distance: (2, rows, symbol).

    Values are taken less the window's first one, so that a window of equal values has exactly 0.
    """
    sessions, symbols = x.shape
    out = np.full((2, rows, symbols), np.nan)
    mean = np.empty(symbols)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            start = end - n
            mean[:] = 0.0
            for t in range(start, end):
                for j in range(symbols):
                    mean[j] += x[t, j] - x[start, j]
            for j in range(symbols):
                mean[j] /= n
                out[0, r, j] = x[end - 1, j] - x[start, j] - mean[j]
                out[1, r, j] = 0.0
            for t in range(start, end):
                for j in range(symbols):
                    out[1, r, j] += abs(x[t, j] - x[start, j] - mean[j])
            for j in range(symbols):
                out[1, r, j] /= n
    return out


@kernel
def slope(x: Array, n: int, rows: int) -> Array:
    """Slope per session of the least-squares line through the last n sessions.

    Values are taken less the window's first one: a level that does not matter then costs no digits.
    """
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    middle = (n - 1) / 2.0
    spread = n * (n * n - 1.0) / 12.0
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            start = end - n
            for j in range(symbols):
                out[r, j] = 0.0
            for t in range(start, end):
                weight = (t - start - middle) / spread
                for j in range(symbols):
                    out[r, j] += weight * (x[t, j] - x[start, j])
    return out


@kernel
def ema(x: Array, first: NDArray[np.int64], n: int, skip: int, rows: int) -> Array:
    """Exponential average with weight 2 / (n + 1), seeded as TA-Lib does.

    The seed is the plain mean of n values, after `skip` values from the symbol's first one on; it is also the first
    output.

    Args:
        x: (session, symbol).
        first: (symbol,) session of the symbol's first value; -1 where there is none.
        n: sessions of the seed.
        skip: values to leave out before the seed.
        rows: newest sessions to return.
    """
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    value = np.zeros(symbols)
    weight = 2.0 / (n + 1)
    for t in range(sessions):
        for j in range(symbols):
            age = t - first[j] - skip
            if age < 0 or first[j] < 0:
                value[j] = 0.0
            elif age < n - 1:
                value[j] += x[t, j]
            elif age == n - 1:
                value[j] = (value[j] + x[t, j]) / n
            else:
                value[j] += (x[t, j] - value[j]) * weight
        row = t - sessions + rows
        if row >= 0:
            for j in range(symbols):
                if first[j] >= 0 and t - first[j] - skip >= n - 1:
                    out[row, j] = value[j]
    return out
