"""Trains a model on rows of features and the returns that followed, and finds out what it is worth.

1. Labels are the ranks of the returns within their session, as normal quantiles (`labels`).
2. A walk forward predicts the last two thirds of the sessions, each block by a model of the past (`walk_forward`).
3. Those predictions, and they alone, are compared with the returns (`evaluate`) and with those of known rivals.
4. Leak checks: a result too good to be true, or skill at shuffled labels, ends the training (`leaks`).
5. One number, the honest slope of returns on predictions, turns ranks into returns (`calibrate`).
6. The model that is served learns from all rows, its labels times that number: its leaves are returns.

Nothing is chosen by looking at the tested sessions: features, parameters and blocks are fixed here beforehand.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.inference.calibrate import calibrate
from services.inference.card import Card
from services.inference.evaluate import LIQUID_USD, broad, correlations, measure, without_styles
from services.inference.evaluation import Evaluation, verdict
from services.inference.labels import rank_normal, winsorise
from services.inference.leaks import raise_alarm, shuffle_check
from services.inference.training_set import TrainingSet
from services.inference.walk_forward import Block, masks, plan_blocks
from services.market.errors import LocalDataError

Array = NDArray[np.float64]
Say = Callable[[str], None]

SEED = 20_250_709
ROUNDS = 300
PARAMETERS = {
    "tree_method": "hist",
    "objective": "reg:squarederror",
    "max_depth": 4,
    "eta": 0.03,
    "min_child_weight": 100,
    "max_bin": 64,
    "base_score": 0.0,
    "seed": SEED,
    "nthread": 2,
}
"""From the design's experiments; depth, label form and seed were within noise there. Two threads, always: the bits of
a sum depend on how it is split."""
RANGE = (0.005, 0.995)
"""Quantiles of a feature between which it is as it was learned."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model as the bytes of its file, its card, and what it is worth."""

    card: Card
    content: bytes
    evaluation: Evaluation


def train(rows: TrainingSet, horizon: int, name: str, say: Say) -> Trained:
    """Train a model; the same rows give the same bytes.

    Args:
        rows: with the returns of the horizon.
        horizon: sessions that the returns look ahead.
        name: of the model.
        say: told what is being done.

    Raises:
        LocalDataError: too few sessions to learn from.
        ModelUnusableError: a leak check failed: the result cannot be trusted.
    """
    labels = rank_normal(rows.returns, rows.positions)
    evaluation = _evaluate(rows, labels, horizon, say)
    scale = evaluation.calibration.scale
    say("training on all rows")
    content = bytes(fit(rows.features, labels * scale, rows.names).save_raw("ubj"))
    card = Card(
        name=name,
        version=1,
        horizon_sessions=horizon,
        features=rows.names,
        base=0.0,
        scale=scale,
        sha256=hashlib.sha256(content).hexdigest(),
        training=f"trained on {len(rows):,} rows of {len(rows.sessions())} sessions. {verdict(evaluation)}",
        feature_ranges=feature_ranges(rows.features),
    )
    return Trained(card, content, evaluation)


def fit(features: NDArray[np.float32], labels: Array, names: tuple[str, ...], rounds: int = ROUNDS) -> xgboost.Booster:
    """Fit a booster to labels; names are `name@version`, of which the booster keeps the name."""
    columns = [name.partition("@")[0] for name in names]
    # Not a QuantileDMatrix: it calls back into Python, where a Ctrl-C ends the process with a crash.
    table = xgboost.DMatrix(features, labels, feature_names=columns, nthread=2)
    return xgboost.train(PARAMETERS, table, rounds)


def feature_ranges(features: NDArray[np.float32]) -> tuple[tuple[float, float], ...]:
    """Return the quantiles 0.005 and 0.995 of each column, without NaN; 0 and 0 of a column that has no value."""
    ranges = []
    for column in features.T:
        known = column[~np.isnan(column)]
        low, high = np.quantile(known, RANGE) if len(known) else (0.0, 0.0)
        ranges.append((float(low), float(high)))
    return tuple(ranges)


def _evaluate(rows: TrainingSet, labels: Array, horizon: int, say: Say) -> Evaluation:
    blocks = plan_blocks(rows.sessions(), horizon)
    predicted, in_sample_ic = _walk(rows, labels, blocks, say)
    ahead, prediction = _broad(rows.of(~np.isnan(predicted)), predicted[~np.isnan(predicted)])
    if not len(ahead):
        raise LocalDataError("too few stocks a session count to compare predictions with what happened")
    say("comparing with what happened")
    skill = measure(prediction, ahead, horizon)
    alarm = raise_alarm(skill.ic.mean, horizon)
    say("training on shuffled labels")
    much = ahead.dollar_volume >= LIQUID_USD
    liquid, liquid_prediction = _broad(ahead.of(much), prediction[much])
    return Evaluation(
        blocks=blocks,
        model=skill,
        liquid=measure(liquid_prediction, liquid, horizon) if len(liquid) else None,
        style_residual=measure(without_styles(prediction, ahead), ahead, horizon),
        rivals={name: measure(values, ahead, horizon) for name, values in ahead.rivals.items()},
        in_sample_ic=in_sample_ic,
        shuffled=shuffle_check(rows, labels, horizon, skill.rank_ic.mean, fit),
        alarm=alarm,
        calibration=calibrate(prediction, ahead, horizon),
    )


def _broad(rows: TrainingSet, prediction: Array) -> tuple[TrainingSet, Array]:
    kept = broad(rows)
    return rows.of(kept), prediction[kept]


def _walk(rows: TrainingSet, labels: Array, blocks: tuple[Block, ...], say: Say) -> tuple[Array, float]:
    """Predict all blocks; NaN for rows of none. The second value is the last model's IC on the rows it knew."""
    predicted, in_sample = np.full(len(rows), np.nan), 0.0
    for number, (known, tested) in enumerate(masks(rows.positions, blocks), 1):
        say(f"walking forward, block {number} of {len(blocks)}: {known.sum():,} rows to learn from")
        booster = fit(rows.features[known], labels[known], rows.names)
        predicted[tested] = booster.inplace_predict(rows.features[tested])
        if number == len(blocks):
            own = booster.inplace_predict(rows.features[known]).astype(np.float64)
            positions = rows.positions[known]
            in_sample = float(correlations(own, winsorise(rows.returns[known], positions), positions).mean())
    return predicted, in_sample
