"""Trains a model on rows of features and the returns that followed, and finds out what it is worth.

1. Labels are the ranks of the returns within their session, as normal quantiles (`labels`).
2. A walk forward predicts the last two thirds of the sessions, each block by a model of the past (`walk`).
3. Those predictions, and they alone, are compared with the returns (`appraise`), and so are known rivals.
4. Leak checks: a result too good to be true, or skill at shuffled labels, ends the training (`leaks`).
5. One number, the honest slope of returns on predictions, turns ranks into returns (`calibrate`).
6. The model that is served learns from all rows, its labels times that number: its leaves are returns.

Nothing is chosen by looking at the tested sessions: features, parameters, blocks and the rule for the number of rounds
were fixed beforehand.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.inference.appraise import Appraisal, Labels, appraise, decay
from services.inference.boosting import fit
from services.inference.calibrate import calibrate
from services.inference.card import Card
from services.inference.evaluate import broad
from services.inference.evaluation import MODEL, Evaluation, verdict
from services.inference.keep import Keep, Say
from services.inference.labels import rank_normal
from services.inference.leaks import Alarm, raise_alarm, shuffle_check
from services.inference.training_set import TrainingSet
from services.inference.walk import Walk
from services.market.errors import LocalDataError

Array = NDArray[np.float64]

RIDGE = "ridge on the same factors"
RANGE = (0.005, 0.995)
"""Quantiles of a feature between which it is as it was learned."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model as the bytes of its file, its card, and what it is worth."""

    card: Card
    content: bytes
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be trained.

    Attributes:
        name: of the model.
        walked: the walk forward over the rows.
        scores: (row,) float64 by name, numbers that a scan makes of the walk's predictions; NaN on sessions without.
        groups: labels of the sessions, for figures by year and regime.
    """

    name: str
    walked: Walk
    scores: Mapping[str, Array]
    groups: Labels


def train(rows: TrainingSet, task: Task, keep: Keep, say: Say) -> Trained:
    """Train a model; the same rows give the same bytes.

    Args:
        rows: those that were walked over.
        task: what to train.
        keep: keeps what takes long.
        say: told what is being done.

    Raises:
        LocalDataError: too few stocks a session.
        ModelUnusableError: a leak check failed: the result cannot be trusted.
    """
    evaluation = _evaluate(rows, task, keep, say)
    scale = evaluation.calibration.scale
    say("training on all rows")
    labels = rank_normal(rows.returns, rows.positions)
    content = fit(rows.features, labels * scale, rows.names, evaluation.rounds)
    card = Card(
        name=task.name,
        version=1,
        horizon_sessions=task.walked.horizon,
        features=rows.names,
        base=0.0,
        scale=scale,
        sha256=hashlib.sha256(content).hexdigest(),
        training=f"trained on {len(rows):,} rows of {len(rows.sessions())} sessions. {verdict(evaluation)}",
        feature_ranges=feature_ranges(rows.features),
    )
    return Trained(card, content, evaluation)


def feature_ranges(features: NDArray[np.float32]) -> tuple[tuple[float, float], ...]:
    """Return the quantiles 0.005 and 0.995 of each column, without NaN; 0 and 0 of a column that has no value."""
    ranges = []
    for column in features.T:
        known = column[~np.isnan(column)]
        low, high = np.quantile(known, RANGE) if len(known) else (0.0, 0.0)
        ranges.append((float(low), float(high)))
    return tuple(ranges)


def _evaluate(rows: TrainingSet, task: Task, keep: Keep, say: Say) -> Evaluation:
    walked, horizon = task.walked, task.walked.horizon
    tested = ~np.isnan(walked.predicted)
    tested[tested] = broad(rows.of(tested))
    ahead, prediction = rows.of(tested).bare(), walked.predicted[tested]
    say("comparing with what happened")
    model = appraise(prediction, ahead, horizon, task.groups)
    if model is None:
        raise LocalDataError("too few stocks a session count to compare predictions with what happened")
    alarm = raise_alarm(model.skill.ic.mean, horizon)
    if alarm is Alarm.WARN:
        say(f"leak? an IC of {model.skill.ic} out of sample is more than daily bars usually give")
    rivals = ahead.rivals | {RIDGE: walked.ridge[tested]}
    scores = {name: values[tested] for name, values in task.scores.items()}
    found = _appraise_all(rivals | scores, ahead, horizon, task.groups)
    return Evaluation(
        model=model,
        scores={name: found[name] for name in scores if name in found},
        rivals={name: found[name] for name in rivals if name in found},
        decay={name: decay(values, ahead) for name, values in ({MODEL: prediction} | rivals).items()},
        best_rounds=walked.best_rounds,
        rounds=walked.rounds,
        in_sample_ic=walked.in_sample_ic,
        shuffled=shuffle_check(rows, horizon, model.skill.rank_ic.mean, keep, say),
        alarm=alarm,
        calibration=calibrate(prediction, ahead, horizon),
    )


def _appraise_all(
    subjects: Mapping[str, Array], rows: TrainingSet, horizon: int, groups: Labels
) -> dict[str, Appraisal]:
    """Appraise numbers, each on the sessions on which any symbol has it."""
    found = {}
    for name, values in subjects.items():
        there = np.isin(rows.positions, rows.positions[~np.isnan(values)])
        appraisal = appraise(values[there], rows.of(there), horizon, groups)
        if appraisal is not None:
            found[name] = appraisal
    return found
