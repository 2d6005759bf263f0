"""Makes the placeholder models: `python -m services.inference.placeholder [folder]`, by default into `models`.

They stand in until models are trained on returns, so that the whole pipeline runs. Each is a small booster distilled
from a formula over random feature vectors:

    alpha = scale * (0.5 * tilt(-ln(vol_realized_60 / 0.35) / 0.55) + 0.5 * tilt(mom_12_1 / 0.40)),   tilt = tanh

Low realized volatility and 12-1 momentum tilt it up; both tilts are rank-like, within -1 and 1, and a missing one is 0.
The other features are read and weigh nothing. Nothing here was fitted to a return: no skill is claimed or shown.
"""

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.inference.card import Card
from services.inference.repository import CARD_FILE, MODEL_FILE

SCALES = {5: 0.02, 10: 0.03}
"""Largest absolute alpha by horizon in sessions; fractions."""
FEATURES = ("vol_realized_60@1", "mom_12_1@1", "ret_21@1", "atr_pct_14@1", "rsi_14@1", "close_over_sma_200@1")
SEED, ROWS, ROUNDS = 20250930, 20_000, 60
TRAINING = (
    "PLACEHOLDER, not trained on returns and without any skill shown: {rounds} trees distilled from the formula {scale}"
    " * (0.5 * tanh(-ln(vol_realized_60 / 0.35) / 0.55) + 0.5 * tanh(mom_12_1 / 0.40)) over {rows} random feature"
    " vectors (seed {seed}); a missing mom_12_1 counts as 0. The other features weigh nothing."
)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A model and its card, as the bytes of their files."""

    card: Card
    content: bytes


def draw_features(rows: int, seed: int) -> NDArray[np.float32]:
    """Draw plausible features: (row, feature) float32 as in FEATURES, fractions and RSI points; NaN in mom_12_1."""
    random = np.random.default_rng(seed)
    volatility = 0.35 * np.exp(0.55 * random.standard_normal(rows))
    momentum = np.exp(0.08 + 0.40 * random.standard_normal(rows)) - 1
    momentum[random.random(rows) < 0.08] = np.nan  # listed for less than a year
    month = 0.01 + volatility * np.sqrt(21 / 252) * random.standard_normal(rows)
    atr = volatility / np.sqrt(252) * 1.3 * np.exp(0.2 * random.standard_normal(rows))
    rsi = np.clip(52 + 12 * random.standard_normal(rows), 1, 99)
    over_sma = 0.03 + 0.18 * random.standard_normal(rows)
    return np.column_stack([volatility, momentum, month, atr, rsi, over_sma]).astype(np.float32)


def formula(features: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
    """Compute what a model is distilled from: (row,) alphas, fractions within +-`scale`; a missing momentum is 0."""
    volatility, momentum = features[:, 0].astype(np.float64), features[:, 1].astype(np.float64)
    low_volatility = np.tanh(-np.log(volatility / 0.35) / 0.55)
    trending = np.where(np.isnan(momentum), 0.0, np.tanh(momentum / 0.40))
    return scale * (0.5 * low_volatility + 0.5 * trending)


def make_placeholder(horizon: int) -> Placeholder:
    """Distil the model of a horizon in sessions, one of SCALES. The same on every call."""
    scale = SCALES[horizon]
    features = draw_features(ROWS, SEED)
    names = [name.partition("@")[0] for name in FEATURES]
    table = xgboost.DMatrix(features, formula(features, scale), feature_names=names, nthread=1)
    parameters = {"tree_method": "hist", "max_depth": 4, "eta": 0.1, "base_score": 0.0, "seed": SEED, "nthread": 1}
    content = bytes(xgboost.train(parameters, table, ROUNDS).save_raw("ubj"))
    card = Card(
        name=f"placeholder_alpha_{horizon}",
        version=1,
        kind="placeholder",
        horizon_sessions=horizon,
        features=FEATURES,
        base=0.0,
        sha256=hashlib.sha256(content).hexdigest(),
        training=TRAINING.format(rounds=ROUNDS, scale=scale, rows=ROWS, seed=SEED),
    )
    return Placeholder(card, content)


def main(arguments: list[str]) -> None:
    """Write all placeholder models below the folder named by the first argument."""
    for horizon in SCALES:
        made = make_placeholder(horizon)
        folder = Path(*arguments[:1] or ["models"], made.card.name, str(made.card.version))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL_FILE).write_bytes(made.content)
        (folder / CARD_FILE).write_text(json.dumps(asdict(made.card), indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
