"""Predictions of rows by models that knew nothing of them, each trained on earlier sessions only."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from services.inference.boosting import count_rounds, fit, predict
from services.inference.evaluate import correlations
from services.inference.keep import Keep, Say
from services.inference.labels import rank_normal, winsorise
from services.inference.ridge import fit_ridge, places
from services.inference.training_set import TrainingSet
from services.inference.walk_forward import Block, masks, plan_blocks, split

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk forward.

    Attributes:
        horizon: sessions that the labels look ahead.
        blocks: its steps, in positions of sessions.
        best_rounds: (block,) rounds after which a booster best ordered the last fifth of what the block learned from.
        models: (block,) the booster that predicted it.
        predicted: (row,) float64, label predicted by the block's model; NaN for rows of no block.
        ridge: (row,) float64, the same by a ridge regression.
        in_sample_ic: mean IC of the last model on the rows that it learned from.
    """

    horizon: int
    blocks: tuple[Block, ...]
    best_rounds: tuple[int, ...]
    models: tuple[bytes, ...]
    predicted: Array
    ridge: Array
    in_sample_ic: float

    @property
    def rounds(self) -> int:
        """Rounds of a model that learns from all rows, by the rule of the blocks."""
        return mean_rounds(self.best_rounds)


def mean_rounds(best: Sequence[int]) -> int:
    """Return the rounds of a model, the mean of what was best until then: a single slice is mostly noise."""
    return max(1, round(sum(best) / len(best)))


def walk(rows: TrainingSet, horizon: int, keep: Keep, say: Say) -> Walk:
    """Predict the last two thirds of the sessions, block by block.

    Args:
        rows: with the returns of the horizon.
        horizon: sessions that the returns look ahead.
        keep: keeps what takes long.
        say: told what is being done.

    Raises:
        LocalDataError: too few sessions to learn from.
    """
    labels, blocks = rank_normal(rows.returns, rows.positions), plan_blocks(rows.sessions(), horizon)
    x = places(rows.features, rows.positions)
    predicted, ridge = np.full((2, len(rows)), np.nan)
    best: list[int] = []
    models: list[bytes] = []
    in_sample = 0.0
    for number, (known, tested) in enumerate(masks(rows.positions, blocks), 1):
        text = f"walking forward, block {number} of {len(blocks)}: {known.sum():,} rows to learn from"
        say(text, number - 1, len(blocks))
        features = rows.features[known]
        best.append(int(keep(f"rounds-{number}", partial(_find_rounds, rows.of(known), labels[known], horizon))))
        model = keep(f"block-{number}", partial(fit, features, labels[known], rows.names, mean_rounds(best)))
        predicted[tested] = predict(model, rows.features[tested])
        ridge[tested] = x[tested] @ fit_ridge(x[known], labels[known])
        models.append(model)
        in_sample = _ic(predict(model, features), rows.of(known))
    return Walk(horizon, blocks, tuple(best), tuple(models), predicted, ridge, in_sample)


def _find_rounds(rows: TrainingSet, labels: Array, horizon: int) -> bytes:
    early, late = split(rows.positions, horizon)
    known = rows.features[early], labels[early]
    return str(count_rounds(known, (rows.features[late], labels[late], rows.positions[late]))).encode()


def _ic(prediction: Array, rows: TrainingSet) -> float:
    return float(correlations(prediction, winsorise(rows.returns, rows.positions), rows.positions).mean())
