"""What a model is to predict: forward returns, and their ranks within a session."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from services.inference.training_set import by_session

Array = NDArray[np.float64]
Positions = NDArray[np.int64]


def forward_returns(closes: Array, positions: Positions, horizon: int) -> Array:
    """Compute what was earned by buying at the close of a session and selling at a later close.

    Args:
        closes: (session, symbol) float64, USD, adjusted for splits and dividends, carried: one who stops trading keeps
            the last close. NaN before the first bar.
        positions: (position,) sessions at whose close is bought.
        horizon: sessions held.

    Returns:
        (position, symbol) float64, fractions; NaN where there is no close, or the horizon ends after the last session.
    """
    returns = np.full((len(positions), closes.shape[1]), np.nan)
    inside = positions + horizon < len(closes)
    bought = positions[inside]
    returns[inside] = closes[bought + horizon] / closes[bought] - 1.0
    return returns


def ranks(values: Array) -> Array:
    """Rank values from 1 up, equal ones by their average rank; no NaN."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    average: Array = np.cumsum(counts) - (counts - 1) / 2.0
    return average[inverse]


def percentiles(values: Array, positions: Positions) -> Array:
    """Return (average rank - 0.5) / n of each row within its session, within 0 and 1; a missing value has 0.5."""
    found = np.full(len(values), 0.5)
    for rows in by_session(positions):
        known = ~np.isnan(values[rows])
        if known.any():
            found[rows][known] = (ranks(values[rows][known]) - 0.5) / known.sum()
    return found


def rank_normal(values: Array, positions: Positions) -> Array:
    """Replace each value by the normal quantile of its percentile within the session: median 0, deviation 1."""
    quantiles, inverse = np.unique(percentiles(values, positions), return_inverse=True)
    quantile = NormalDist().inv_cdf
    normal: Array = np.array([quantile(p) for p in quantiles.tolist()])[inverse]
    return normal


def winsorise(values: Array, positions: Positions, tail: float = 0.01) -> Array:
    """Pull what lies beyond the quantiles `tail` and 1 - `tail` of its session back to them."""
    pulled = np.empty(len(values))
    for rows in by_session(positions):
        low, high = np.quantile(values[rows], (tail, 1.0 - tail))
        pulled[rows] = np.clip(values[rows], low, high)
    return pulled


def demean(values: Array, positions: Positions) -> Array:
    """Take the session's mean from each value."""
    centred = np.empty(len(values))
    for rows in by_session(positions):
        centred[rows] = values[rows] - values[rows].mean()
    return centred
