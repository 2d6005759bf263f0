"""From predicted ranks to predicted returns, by one honest number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.inference.estimates import count_lags, newey_west_error
from services.inference.labels import demean, winsorise
from services.inference.training_set import TrainingSet, by_session

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How many returns a unit of prediction is worth.

    Attributes:
        slope: least-squares slope of returns on predictions.
        t: of the slope, Newey-West over sessions.
        shrinkage: what is kept of it, 1 - 1 / t^2, and 0 for a slope that is not positive or smaller than its error.
    """

    slope: float
    t: float
    shrinkage: float

    @property
    def scale(self) -> float:
        """The slope as far as it can be believed, >= 0."""
        return self.slope * self.shrinkage


def calibrate(prediction: Array, rows: TrainingSet, horizon: int) -> Calibration:
    """Regress winsorised returns on predictions made without knowing them, both less their session's mean.

    The shrinkage is that of James and Stein for a single positive figure: an estimate t errors away from 0 has t^2 - 1
    of its square from the truth, on average.

    Args:
        prediction: (row,) float64, predicted label; out of sample.
        rows: what was predicted.
        horizon: sessions of the returns.
    """
    positions = rows.positions
    x = demean(prediction, positions)
    y = demean(winsorise(rows.returns, positions), positions)
    sessions = list(by_session(positions))
    squares = float((x**2).sum())
    if not squares:
        return Calibration(0.0, 0.0, 0.0)
    slope = float((x * y).sum()) / squares
    misses = np.array([float((x[s] * (y[s] - slope * x[s])).sum()) for s in sessions])
    spacing = int(np.median(np.diff(rows.sessions())))
    lags = count_lags(len(sessions), -(-horizon // spacing) - 1)
    error = newey_west_error(misses, lags) * len(sessions) / squares
    t = slope / error if error else 0.0
    return Calibration(slope, t, 1.0 - 1.0 / t**2 if t > 1.0 else 0.0)
