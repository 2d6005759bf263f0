"""Models of the size that the targets are about: 300 trees, depth 6, 50 features, on random rows."""

import hashlib
import json
from pathlib import Path
from typing import Final

import numpy as np
import xgboost

TREES: Final = 300
DEPTH: Final = 6
WIDTH: Final = 50
NAMES: Final = ("alpha_5", "alpha_10")
_ROWS: Final = 5_000


def train_big(seed: int) -> bytes:
    """Train a model on random rows, and return its file."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((_ROWS, WIDTH)).astype(np.float32)
    labels = 0.01 * (features @ random.standard_normal(WIDTH) + random.standard_normal(_ROWS))
    parameters = {"tree_method": "hist", "max_depth": DEPTH, "eta": 0.03, "max_bin": 64, "nthread": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(features, labels, nthread=1), TREES)
    return bytes(booster.save_raw("ubj"))


def write_version(folder: Path, name: str, version: int, content: bytes) -> Path:
    """Put a version of a model into a folder of models, in one step; return where it is."""
    card = {
        "name": name,
        "version": version,
        "horizon_sessions": 5,
        "features": [f"factor_{column}@1" for column in range(WIDTH)],
        "base": 0.0,
        "sha256": hashlib.sha256(content).hexdigest(),
        "training": "on random rows, for the bench",
        "feature_ranges": [[-2.58, 2.58]] * WIDTH,
    }
    staged = folder / ".staged"
    staged.mkdir(parents=True)
    (staged / "model.ubj").write_bytes(content)
    (staged / "card.json").write_text(json.dumps(card))
    place = folder / name / str(version)
    place.parent.mkdir(exist_ok=True)
    return staged.rename(place)
