"""Highest, lowest and deepest over a window of the last n sessions, and how long ago."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel

Array = NDArray[np.float64]


@kernel
def highest(x: Array, n: int, rows: int) -> Array:
    """Largest value of the last n sessions."""
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            # Starting from the window's first value keeps its NaN: no comparison with NaN is true.
            for j in range(symbols):
                out[r, j] = x[end - n, j]
            for t in range(end - n + 1, end):
                for j in range(symbols):
                    out[r, j] = max(out[r, j], x[t, j])
    return out


@kernel
def lowest(x: Array, n: int, rows: int) -> Array:
    """Smallest value of the last n sessions."""
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            for j in range(symbols):
                out[r, j] = x[end - n, j]
            for t in range(end - n + 1, end):
                for j in range(symbols):
                    out[r, j] = min(out[r, j], x[t, j])
    return out


@kernel
def since_highest(x: Array, n: int, rows: int) -> Array:
    """Sessions since the largest value of the last n sessions, 0 to n - 1; the latest of equals counts."""
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    top = np.empty(symbols)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            for j in range(symbols):
                top[j] = x[end - n, j]
                out[r, j] = n - 1 + (top[j] - top[j])
            for t in range(end - n + 1, end):
                ago = end - 1.0 - t
                for j in range(symbols):
                    above = x[t, j] >= top[j]
                    out[r, j] = ago if above else out[r, j]
                    top[j] = x[t, j] if above else top[j]
    return out


@kernel
def drawdown(x: Array, n: int, rows: int) -> Array:
    """Deepest fall below the highest value so far, within the last n sessions, as a fraction <= 0."""
    sessions, symbols = x.shape
    out = np.full((rows, symbols), np.nan)
    peak = np.empty(symbols)
    for r in range(rows):
        end = sessions - rows + r + 1
        if end >= n:
            for j in range(symbols):
                peak[j] = x[end - n, j]
                out[r, j] = x[end - n, j] - x[end - n, j]
            for t in range(end - n + 1, end):
                for j in range(symbols):
                    peak[j] = max(peak[j], x[t, j])
                    fall = x[t, j] / peak[j] - 1.0
                    out[r, j] = min(out[r, j], fall)
    return out
