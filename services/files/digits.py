"""Prices that were meant, from the float32 that a file holds."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_POWERS: Final = np.array([float(f"1e{power}") for power in range(12)])
_DECADES: Final = np.array([float(f"1e{power}") for power in range(-5, 6)])


def six_digits(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round float32 values to 6 significant digits, exactly as `float(f"{x:.6g}")` does.

    So 211.13999938964844, which is the float32 of 211.14, becomes 211.14 again.

    Between 1e-6 and 1e6 a float32 times the power of ten that puts six digits before the point needs at most 24 + 26
    bits: the product is exact, it is rounded half to even once, and over that exact power it is the nearest float64.
    """
    size = np.abs(values)
    scale: NDArray[np.float64] = _POWERS[11 - np.searchsorted(_DECADES, size, side="right")]
    rounded = np.rint(values * scale) / scale
    for i in np.flatnonzero(~((size >= 1e-6) & (size < 1e6))).tolist():
        rounded[i] = float(f"{values[i]:.6g}")
    return rounded
