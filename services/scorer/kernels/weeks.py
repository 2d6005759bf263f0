"""Bars of weeks from bars of sessions."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel


@kernel
def gather(bars: NDArray[np.float64], week: NDArray[np.int64], weeks: int) -> NDArray[np.float64]:
    """Put sessions together: the first open, the highest high, the lowest low, the last close, the sum of volumes.

    Args:
        bars: (field, session, symbol) float64, carried; NaN before a symbol's first bar.
        week: (session,) the week of each, ascending from 0.
        weeks: number of weeks.

    Returns:
        (field, week, symbol) float64; NaN before the week of a symbol's first bar.
    """
    fields, sessions, symbols = bars.shape
    out = np.full((fields, weeks, symbols), np.nan)
    for t in range(sessions):
        w = week[t]
        for j in range(symbols):
            if np.isnan(bars[3, t, j]):
                continue
            if np.isnan(out[3, w, j]):
                out[0, w, j], out[1, w, j], out[2, w, j] = bars[0, t, j], bars[1, t, j], bars[2, t, j]
                out[4, w, j] = bars[4, t, j]
            else:
                out[1, w, j] = max(out[1, w, j], bars[1, t, j])
                out[2, w, j] = min(out[2, w, j], bars[2, t, j])
                out[4, w, j] += bars[4, t, j]
            out[3, w, j] = bars[3, t, j]
    return out
