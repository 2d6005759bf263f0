"""What a TechRating calls for."""

import numpy as np
from numpy.typing import NDArray

from services.market.scoring import SignalThresholds
from services.market.vocabulary import Signal


def signals(tech_ratings: NDArray[np.float64], thresholds: SignalThresholds) -> NDArray[np.int64]:
    """Return (symbol,) numbers of `Signal`: thresholds are inclusive, a missing TechRating (NaN) is AVOID."""
    conditions = [
        tech_ratings >= thresholds.strong_long,
        tech_ratings >= thresholds.long,
        tech_ratings <= thresholds.strong_short,
        tech_ratings <= thresholds.short,
    ]
    choices = [Signal.STRONG_LONG, Signal.LONG, Signal.STRONG_SHORT, Signal.SHORT]
    return np.select(conditions, [np.int64(choice) for choice in choices], np.int64(Signal.AVOID))
