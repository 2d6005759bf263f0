"""What makes a bar a bar."""

import numpy as np
from numpy.typing import NDArray


def valid_bars(bars: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which bars are bars: finite, prices above 0, high not below low, volume not below 0.

    Args:
        bars: (field, bar) float64, fields as in `panel.FIELDS`.

    Returns:
        (bar,) bool.
    """
    sound = np.isfinite(bars) & (bars >= 0)
    sound[:4] &= bars[:4] > 0
    valid: NDArray[np.bool_] = np.logical_and.reduce(sound) & (bars[1] >= bars[2])
    return valid
