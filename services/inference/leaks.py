"""Checks that a model does not know what it is to predict."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from services.inference.boosting import SEED, fit, predict
from services.inference.estimates import newey_west_error
from services.inference.evaluate import correlations, count_overlap
from services.inference.keep import Keep, Say
from services.inference.labels import percentiles, rank_normal
from services.inference.training_set import TrainingSet, by_session
from services.market.errors import ModelUnusableError

Array = NDArray[np.float64]

WARN_IC = {5: 0.06, 10: 0.08, 20: 0.10}
STOP_IC = {5: 0.08, 10: 0.11, 20: 0.13}
"""Mean IC by horizon that daily bars do not honestly give; between and beyond the horizons, in proportion."""
SHUFFLES, SHUFFLED_ROUNDS = 10, 100
T_LIMIT = 3.0


class Alarm(StrEnum):
    """What a mean IC out of sample says about itself."""

    NONE = "none"
    WARN = "leak?"


@dataclass(frozen=True, slots=True)
class Shuffled:
    """What models give that were trained on labels shuffled within each session.

    Attributes:
        count: shuffles.
        ic: mean Rank IC against later shuffled labels; about 0 unless something leaks.
        t: its Newey-West t over sessions, with the horizon as lag.
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
            f"leak? an IC of {ic:.3f} over {horizon} sessions is too good to be true (stop at {stop:.3f}): "
            "some feature knows the future"
        )
    return Alarm.WARN if ic >= warn else Alarm.NONE


def shuffle_check(rows: TrainingSet, horizon: int, real_ic: float, keep: Keep, say: Say) -> Shuffled:
    """Train on shuffled labels of the first half of the sessions, and predict the second.

    Args:
        rows: features and returns.
        horizon: sessions that labels look ahead; twice as many lie between the halves.
        real_ic: mean Rank IC of the real model.
        keep: keeps what takes long.
        say: told what is being done.

    Raises:
        ModelUnusableError: there is skill at labels that hold no information.
    """
    middle = int(np.median(rows.sessions()))
    known, later = rows.positions < middle - 2 * horizon + 1, rows.positions >= middle
    labels, positions, features = rank_normal(rows.returns, rows.positions), rows.positions[later], rows.features[later]
    learned, truth = rows.features[known], percentiles(rows.returns[later], positions)
    random = np.random.default_rng(SEED)
    false_ics, true_ics = [], []
    for number in range(1, SHUFFLES + 1):
        say("training on shuffled labels", number - 1, SHUFFLES)
        shuffled = _shuffle(labels, rows.positions, random)
        make = partial(fit, learned, shuffled[known], rows.names, SHUFFLED_ROUNDS)
        guess = percentiles(predict(keep(f"shuffled-{number}", make), features), positions)
        false_ics.append(correlations(guess, percentiles(shuffled[later], positions), positions))
        true_ics.append(float(correlations(guess, truth, positions).mean()))
    ics, deviation = np.mean(false_ics, axis=0), float(np.std(true_ics, ddof=1))
    ic, t = float(ics.mean()), _t_of_mean(ics, count_overlap(rows, horizon) + 1)
    if abs(t) >= T_LIMIT:
        raise ModelUnusableError(f"leak? a model of shuffled labels has skill (t {t:.1f}): rows or labels leak")
    return Shuffled(SHUFFLES, ic, t, deviation, real_ic / deviation if deviation else 0.0)


def _t_of_mean(values: Array, lags: int) -> float:
    error = newey_west_error(values, min(lags, len(values) - 1))
    return float(values.mean()) / error if error else 0.0


def _shuffle(labels: Array, positions: NDArray[np.int64], random: np.random.Generator) -> Array:
    shuffled = labels.copy()
    for session in by_session(positions):
        random.shuffle(shuffled[session])
    return shuffled
