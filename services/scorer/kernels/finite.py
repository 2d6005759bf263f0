"""What is no number becomes NaN."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel


@kernel
def finite(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Copy (row, symbol) values; an infinite one, or any NaN, becomes the one NaN."""
    rows, symbols = x.shape
    out = np.empty((rows, symbols))
    for r in range(rows):
        for j in range(symbols):
            out[r, j] = x[r, j] if x[r, j] - x[r, j] == 0.0 else np.nan
    return out
