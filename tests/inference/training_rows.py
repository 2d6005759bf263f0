"""Generated rows to train on: noise, with as much signal as asked for."""

import numpy as np

from services.inference.training_set import TrainingSet

FEATURES = ("signal@1", "noise@2", "other@1")


def make_rows(
    *, signal: float = 0.0, future: bool = False, sessions: int = 48, symbols: int = 300, seed: int = 0
) -> TrainingSet:
    """Make rows 5 sessions apart.

    Args:
        signal: correlation of the feature `signal` with the return.
        future: whether the feature `other` holds part of the return itself.
        sessions: sessions with rows.
        symbols: rows of each session.
        seed: of the generator.
    """
    random = np.random.default_rng(seed)
    count = sessions * symbols
    features = random.standard_normal((count, 3))
    returns = 0.05 * (signal * features[:, 0] + np.sqrt(1 - signal**2) * random.standard_normal(count))
    if future:
        features[:, 2] += 8.0 * returns
    features[random.random(features.shape) < 0.03] = np.nan
    style = random.standard_normal(count)
    return TrainingSet(
        names=FEATURES,
        features=features.astype(np.float32),
        positions=np.repeat(252 + 5 * np.arange(sessions), symbols),
        symbols=np.tile(np.arange(symbols), sessions),
        returns=returns,
        neutral=returns - 0.001,
        later={10: np.where(np.arange(count) < 3 * count // 4, returns, np.nan)},
        slices={"a slice": random.random(count) < 0.5, "nobody": np.zeros(count, np.bool_)},
        rivals={"a rule": style},
        styles={"a style": style},
    )
