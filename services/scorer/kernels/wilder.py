"""Wilder's recursions: average gain and loss, average true range, directional movement. Seeds are those of TA-Lib."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel

Array = NDArray[np.float64]


@kernel
def gain_loss(x: Array, first: NDArray[np.int64], n: int, rows: int) -> Array:
    """Average rise and average fall from session to session: (2, rows, symbol), both >= 0.

    The mean of the first n changes, then (n - 1) parts of the last average and one of the new change.
    """
    sessions, symbols = x.shape
    out = np.full((2, rows, symbols), np.nan)
    gain, loss = np.zeros(symbols), np.zeros(symbols)
    for t in range(1, sessions):
        for j in range(symbols):
            age = t - first[j]
            change = x[t, j] - x[t - 1, j]
            up = max(0.0, change)
            down = -change if change < 0.0 else 0.0
            if age > n:
                up += gain[j] * (n - 1)
                down += loss[j] * (n - 1)
            else:
                up += gain[j]
                down += loss[j]
            gain[j] = up / n if age >= n else up
            loss[j] = down / n if age >= n else down
        row = t - sessions + rows
        if row >= 0:
            for j in range(symbols):
                if first[j] >= 0 and t - first[j] >= n:
                    out[0, row, j], out[1, row, j] = gain[j], loss[j]
    return out


@kernel
def true_range(high: float, low: float, before: float) -> float:
    """Largest of high - low and of both distances from the previous close; on single values, for kernels."""
    value = high - low
    up, down = abs(high - before), abs(low - before)
    value = max(value, up)
    return max(value, down)


@kernel
def average_true_range(high: Array, low: Array, close: Array, first: NDArray[np.int64], n: int, rows: int) -> Array:
    """Wilder's average of the true range, seeded with the mean of the first n ranges that have a previous close."""
    sessions, symbols = close.shape
    out = np.full((rows, symbols), np.nan)
    value = np.zeros(symbols)
    for t in range(1, sessions):
        for j in range(symbols):
            age = t - first[j]
            span = true_range(high[t, j], low[t, j], close[t - 1, j])
            if age < 1:
                value[j] = 0.0
            elif age < n:
                value[j] += span
            elif age == n:
                value[j] = (value[j] + span) / n
            else:
                value[j] = (value[j] * (n - 1) + span) / n
        row = t - sessions + rows
        if row >= 0:
            for j in range(symbols):
                if first[j] >= 0 and t - first[j] >= n:
                    out[row, j] = value[j]
    return out


@kernel
def directional(high: Array, low: Array, close: Array, first: NDArray[np.int64], n: int, rows: int) -> Array:
    """Plus DI, minus DI and ADX, 0 to 100: (3, rows, symbol).

    As TA-Lib: movements and ranges start as sums of n - 1 sessions and lose 1/n of themselves a session; ADX starts as
    the mean of n values of DX, in which a DX without a range counts 0, and later keeps its value over such a session.
    """
    sessions, symbols = close.shape
    out = np.full((3, rows, symbols), np.nan)
    plus, minus, span, adx = np.zeros(symbols), np.zeros(symbols), np.zeros(symbols), np.zeros(symbols)
    for t in range(1, sessions):
        row = t - sessions + rows
        for j in range(symbols):
            age = t - first[j]
            if first[j] < 0 or age < 1:
                continue
            up, down = high[t, j] - high[t - 1, j], low[t - 1, j] - low[t, j]
            kept = 1.0 / n if age >= n else 0.0
            plus[j] = plus[j] - plus[j] * kept + (up if up > 0.0 and up > down else 0.0)
            minus[j] = minus[j] - minus[j] * kept + (down if down > 0.0 and down > up else 0.0)
            span[j] = span[j] - span[j] * kept + true_range(high[t, j], low[t, j], close[t - 1, j])
            if age < n:
                continue
            ranged = span[j] > 0.0
            plus_di = 100.0 * (plus[j] / span[j]) if ranged else 0.0
            minus_di = 100.0 * (minus[j] / span[j]) if ranged else 0.0
            moved = plus_di + minus_di > 0.0
            dx = 100.0 * (abs(plus_di - minus_di) / (plus_di + minus_di)) if moved else 0.0
            if age < 2 * n - 1:
                adx[j] += dx
            elif age == 2 * n - 1:
                adx[j] = (adx[j] + dx) / n
            elif moved:
                adx[j] = (adx[j] * (n - 1) + dx) / n
            if row >= 0:
                out[0, row, j], out[1, row, j] = plus_di, minus_di
                if age >= 2 * n - 1:
                    out[2, row, j] = adx[j]
    return out
