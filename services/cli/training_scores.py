"""What a scan would have made of a walk's predictions: alphas and scores of sessions that no model had seen."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.cli.evaluation_subjects import score_sessions
from services.cli.training_history import History
from services.inference.boosting import predict
from services.inference.walk import Walk
from services.market.scoring import ScoringConfig

Array = NDArray[np.float64]

SCORE: Final = "score with these alphas"
PLAIN_SCORE: Final = "score without alphas"


def score_walks(history: History, walks: Mapping[str, Walk], config: ScoringConfig) -> dict[str, Array]:
    """Return the scores of the sessions that all walks have predicted, (position, symbol) float64; NaN elsewhere.

    The score takes the alphas of several models, so each of them must have been walked; else there is nothing to tell.

    Args:
        history: that the walks were over.
        walks: by role: alpha_5 and alpha_10.
        config: weights.
    """
    if not config.alpha_weights.keys() <= walks.keys():
        return {}
    alphas = {role: predict_walk(history, walks[role]) for role in config.alpha_weights}
    judged = np.all([np.isfinite(values).any(axis=1) for values in alphas.values()], axis=0)
    return {
        SCORE: score_sessions(history, config, alphas, judged),
        PLAIN_SCORE: score_sessions(history, config, {}, judged),
    }


def predict_walk(history: History, walked: Walk) -> Array:
    """Predict who traded, each session by the model of its block: (position, symbol) float64; NaN for all others."""
    found = np.full(history.traded.shape, np.nan)
    for block, model in zip(walked.blocks, walked.models, strict=True):
        inside = (history.positions >= block.begin) & (history.positions < block.end)
        chosen = history.traded & inside[:, None]
        found[chosen] = predict(model, history.features[chosen])
    return found
