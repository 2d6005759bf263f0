"""Shape of a window: skewness, how straight it is, what a running sum of flows does, and ranges in logarithms."""

import math

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel

Array = NDArray[np.float64]


@kernel
def skewness(x: Array, n: int, rows: int) -> Array:
    """Sample skewness of the last n sessions (Fisher and Pearson, adjusted for n: what pandas calls `skew`).

    Values are taken less the window's first one, so that a window of equal values is exactly 0 / 0, NaN.
    """
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    mean, square, cube = np.empty(symbols), np.empty(symbols), np.empty(symbols)
    factor = n * np.sqrt(n - 1.0) / (n - 2.0)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            start = end - n
            mean[:] = 0.0
            square[:] = 0.0
            cube[:] = 0.0
            for t in range(start, end):
                for j in range(symbols):
                    mean[j] += x[t, j] - x[start, j]
            for j in range(symbols):
                mean[j] /= n
            for t in range(start, end):
                for j in range(symbols):
                    distance = x[t, j] - x[start, j] - mean[j]
                    square[j] += distance * distance
                    cube[j] += distance * distance * distance
            for j in range(symbols):
                out[r, j] = factor * cube[j] / (square[j] * np.sqrt(square[j]))
    return out


@kernel
def straightness(x: Array, n: int, rows: int) -> Array:
    """Share of the variance of the last n sessions that their least-squares line explains, 0 to 1.

    Values are taken less the window's first one, so that a window of equal values is exactly 0 / 0, NaN.
    """
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    mean, cross, square = np.empty(symbols), np.empty(symbols), np.empty(symbols)
    middle = (n - 1) / 2.0
    spread = n * (n * n - 1.0) / 12.0
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            start = end - n
            mean[:] = 0.0
            cross[:] = 0.0
            square[:] = 0.0
            for t in range(start, end):
                for j in range(symbols):
                    mean[j] += x[t, j] - x[start, j]
            for j in range(symbols):
                mean[j] /= n
            for t in range(start, end):
                place = t - start - middle
                for j in range(symbols):
                    distance = x[t, j] - x[start, j] - mean[j]
                    cross[j] += place * distance
                    square[j] += distance * distance
            for j in range(symbols):
                out[r, j] = (cross[j] / square[j]) * (cross[j] / spread)
    return out


@kernel
def cumulated_slope(flow: Array, n: int, rows: int) -> Array:
    """Least-squares slope per session over n values of a running sum, from the n - 1 flows between them.

    A running sum's level does not matter to its slope: the flow of step s of n - 1 enters with weight
    6 s (n - s) / (n (n^2 - 1)), and nothing older than the window is ever added up.

    Args:
        flow: (session, symbol), what each session adds to the sum.
        n: values of the sum in the window.
        rows: newest sessions to return.
    """
    sessions, symbols = flow.shape
    out = np.full((rows, symbols), np.nan)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n - 1:
            for j in range(symbols):
                out[r, j] = 0.0
            for s in range(1, n):
                weight = 6.0 * s * (n - s) / (n * (n * n - 1.0))
                for j in range(symbols):
                    out[r, j] += weight * flow[end - n + s, j]
    return out


@kernel
def log_range(high: Array, low: Array) -> Array:
    """Logarithm of high / low, session by session.

    A loop of its own because numpy's logarithm has other bits in other vector widths; this one is always the scalar.
    """
    sessions, symbols = high.shape
    out = np.empty((sessions, symbols))
    for t in range(sessions):
        for j in range(symbols):
            out[t, j] = math.log(high[t, j] / low[t, j])
    return out
