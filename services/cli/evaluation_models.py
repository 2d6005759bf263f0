"""The alphas of past sessions by the served models, as far as a model has not seen what followed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.cli.training_history import History
from services.inference.features import FEATURES
from services.inference.model import Model
from services.inference.repository import ModelRepository
from services.market.errors import LocalDataError, ModelUnusableError, UnknownModelError
from services.market.sessions import to_day_number

Array = NDArray[np.float64]
BATCH = 65_536
"""Rows predicted at once."""


@dataclass(frozen=True, slots=True)
class ServedModels:
    """Models by role, and the sessions of the bars that any of them was trained on."""

    models: dict[str, Model]
    first_day: date
    last_day: date

    @classmethod
    def read(cls, folder: Path, roles: tuple[str, ...], names: tuple[str, ...]) -> Self:
        """Read the newest version of the model of each role.

        Args:
            folder: of models.
            roles: names of the models.
            names: `name@version` of the features that there are.

        Raises:
            ModelUnusableError: a model is absent or broken, takes other features, or does not tell what it has seen.
        """
        repository = ModelRepository(folder)
        try:
            repository.load_all()
            models = {role: repository.model(role) for role in roles}
        except (LocalDataError, UnknownModelError) as error:
            raise ModelUnusableError(error.message) from None
        days = []
        for role, model in models.items():
            if odd := sorted(set(model.card.features) - set(names)):
                raise ModelUnusableError(f"{role} takes {', '.join(odd[:3])}, which are not computed here")
            first, last = model.card.trained_on.first_day, model.card.trained_on.last_day
            if first is None or last is None:
                raise ModelUnusableError(f"the card of {role} does not tell which sessions it was trained on")
            days.append((first, last))
        return cls(models, min(first for first, _ in days), max(last for _, last in days))

    def unseen(self, session_days: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Tell which sessions lie outside of the bars that the models were trained on: (session,) bool."""
        return outside(session_days, self.first_day, self.last_day)

    def alphas(self, history: History, positions: NDArray[np.bool_]) -> dict[str, Array]:
        """Predict who traded on the chosen sessions; see `predict_models`."""
        return predict_models(self.models, history, positions)


def outside(session_days: NDArray[np.int32], first: date, last: date) -> NDArray[np.bool_]:
    """Tell which sessions lie before or after some days: (session,) bool."""
    found: NDArray[np.bool_] = (session_days < to_day_number(first)) | (session_days > to_day_number(last))
    return found


def predict_models(models: Mapping[str, Model], history: History, positions: NDArray[np.bool_]) -> dict[str, Array]:
    """Predict who traded on the chosen sessions: (position, symbol) float64 by role; NaN for all others."""
    chosen = history.traded & positions[:, None]
    features = history.features[chosen]
    found = {}
    for role, model in models.items():
        alphas = np.full(chosen.shape, np.nan)
        alphas[chosen] = predict_rows(model, features)
        found[role] = alphas
    return found


def predict_rows(model: Model, features: NDArray[np.float32]) -> Array:
    """Predict (row, feature) rows of FEATURES, some at a time: (row,) float64."""
    order = [FEATURES.index(name) for name in model.card.names]
    parts = [model.predict(features[begin : begin + BATCH][:, order]) for begin in range(0, len(features), BATCH)]
    return np.concatenate([np.empty(0), *parts])
