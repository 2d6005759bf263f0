"""Checks that a model does not know what it is to predict."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.inference.evaluate import correlations
from services.inference.labels import percentiles
from services.inference.training_set import TrainingSet, by_session
from services.market.errors import ModelUnusableError

Array = NDArray[np.float64]

WARN_IC = {5: 0.06, 10: 0.08, 20: 0.10}
STOP_IC = {5: 0.08, 10: 0.11, 20: 0.13}
"""Mean IC by horizon that daily bars do not honestly give; between and beyond the horizons, in proportion."""
SHUFFLES, SHUFFLED_ROUNDS, SEED = 10, 100, 20_250_709
T_LIMIT = 3.0


class Alarm(StrEnum):
    """What a mean IC out of sample says about itself."""

    NONE = "none"
    WARN = "warn"


class Predictor(Protocol):
    """A fitted model."""

    def inplace_predict(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict rows."""


Fit = Callable[[NDArray[np.float32], Array, tuple[str, ...], int], Predictor]


@dataclass(frozen=True, slots=True)
class Shuffled:
    """What models give that were trained on labels shuffled within each session.

    Attributes:
        count: shuffles.
        ic: mean Rank IC against later shuffled labels; about 0 unless something leaks.
        t: its t over sessions and shuffles, which are independent.
        true_deviation: standard deviation of their mean Rank ICs against true returns: how far chance alone goes.
        model_deviations: the real model's mean Rank IC in that unit.
    """

    count: int
    ic: float
    t: float
    true_deviation: float
    model_deviations: float


def raise_alarm(ic: float, horizon: int) -> Alarm:
    """Judge a mean IC out of sample.

    Raises:
        ModelUnusableError: it is too good to be true.
    """
    warn, stop = (float(np.interp(horizon, list(table), list(table.values()))) for table in (WARN_IC, STOP_IC))
    if ic >= stop:
        raise ModelUnusableError(
            f"an IC of {ic:.3f} over {horizon} sessions is too good to be true (stop at {stop:.3f}): "
            "some feature knows the future"
        )
    return Alarm.WARN if ic >= warn else Alarm.NONE


def shuffle_check(rows: TrainingSet, labels: Array, horizon: int, real_ic: float, fit: Fit) -> Shuffled:
    """Train on shuffled labels of the first half of the sessions, and predict the second.

    Args:
        rows: features and returns.
        labels: (row,) what the model learns.
        horizon: sessions that labels look ahead; twice as many lie between the halves.
        real_ic: mean Rank IC of the real model.
        fit: trains a model.

    Raises:
        ModelUnusableError: there is skill at labels that hold no information.
    """
    middle = int(np.median(rows.sessions()))
    known, later = rows.positions < middle - 2 * horizon + 1, rows.positions >= middle
    positions, features = rows.positions[later], rows.features[later]
    truth = percentiles(rows.returns[later], positions)
    random = np.random.default_rng(SEED)
    false_ics, true_ics = [], []
    for _ in range(SHUFFLES):
        shuffled = labels.copy()
        for session in by_session(rows.positions):
            random.shuffle(shuffled[session])
        model = fit(rows.features[known], shuffled[known], rows.names, SHUFFLED_ROUNDS)
        guess = percentiles(model.inplace_predict(features).astype(np.float64), positions)
        false_ics.append(correlations(guess, percentiles(shuffled[later], positions), positions))
        true_ics.append(float(correlations(guess, truth, positions).mean()))
    pooled, deviation = np.concatenate(false_ics), float(np.std(true_ics, ddof=1))
    error = float(pooled.std(ddof=1)) / len(pooled) ** 0.5
    t = float(pooled.mean()) / error if error else 0.0
    if abs(t) >= T_LIMIT:
        raise ModelUnusableError(f"a model of shuffled labels has skill (t {t:.1f}): rows or labels leak")
    return Shuffled(SHUFFLES, float(pooled.mean()), t, deviation, real_ic / deviation if deviation else 0.0)
