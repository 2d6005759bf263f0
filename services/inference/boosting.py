"""Gradient boosting by XGBoost: how models are fitted, and after how many rounds they are good. Boosters are bytes."""

from typing import Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.inference.evaluate import correlations
from services.inference.labels import percentiles

Array = NDArray[np.float64]
Features = NDArray[np.float32]
Positions = NDArray[np.int64]

SEED: Final = 20_250_709
LIBRARY: Final = f"XGBoost {xgboost.__version__}"
MOST_ROUNDS: Final = 300
PATIENCE: Final = 50
"""Rounds without a better one after which no more are tried."""
PARAMETERS: Final = {
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


def fit(features: Features, labels: Array, names: tuple[str, ...], rounds: int) -> bytes:
    """Fit a booster to labels; names are `name@version`, of which the booster keeps the name."""
    booster = xgboost.train(PARAMETERS, _table(features, labels, names), rounds)
    return bytes(booster.save_raw("ubj"))


def predict(content: bytes, features: Features) -> Array:
    """Return (row,) float64, what a booster says of each row."""
    booster = xgboost.Booster({"nthread": 2})
    booster.load_model(bytearray(content))
    predicted: Array = booster.inplace_predict(features).astype(np.float64)
    return predicted


def count_rounds(known: tuple[Features, Array], later: tuple[Features, Array, Positions]) -> int:
    """Return after how many rounds a booster of some rows best orders later ones, by Rank IC; at most `MOST_ROUNDS`.

    Only the order counts: what a unit of the label is worth in returns is found apart.

    Args:
        known: features and labels to fit.
        later: features, labels and positions of sessions; none of the labels of `known` may reach into them.
    """
    features, labels, positions = later
    truth = percentiles(labels, positions)

    def rank_ic(predicted: NDArray[np.float32], _: xgboost.DMatrix) -> tuple[str, float]:
        place = percentiles(predicted.astype(np.float64), positions)
        return "rank_ic", float(correlations(place, truth, positions).mean())

    stop = xgboost.callback.EarlyStopping(rounds=PATIENCE, metric_name="rank_ic", data_name="later", maximize=True)
    booster = xgboost.train(
        PARAMETERS | {"disable_default_eval_metric": True},
        _table(*known),
        MOST_ROUNDS,
        evals=[(_table(features, labels), "later")],
        custom_metric=rank_ic,
        callbacks=[stop],
        verbose_eval=False,
    )
    return int(booster.best_iteration) + 1


def _table(features: Features, labels: Array, names: tuple[str, ...] = ()) -> xgboost.DMatrix:
    columns = [name.partition("@")[0] for name in names]
    # Not a QuantileDMatrix: it calls back into Python, where a Ctrl-C ends the process with a crash.
    return xgboost.DMatrix(features, labels, feature_names=columns or None, nthread=2)
