"""A loaded XGBoost model. The only module of the service that knows the library."""

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.inference.card import Card
from services.market.errors import InvalidRequestError, ModelUnusableError

UBJSON_START = b"{L"
"""First bytes of every model that XGBoost writes as UBJSON. It ends the whole process on an empty buffer."""


class Model:
    """A booster and its card. Predictions may run in several threads at once.

    A row's alpha depends on that row only: bit for bit the same in any batch, order or thread.

    Args:
        card: the model's card.
        content: what model.ubj holds.

    Raises:
        ModelUnusableError: the content is no model, has other features than its card, or gives more than one number.
    """

    def __init__(self, card: Card, content: bytes) -> None:
        self.card = card
        self._booster = _load(content)
        width, names = self._booster.num_features(), self._booster.feature_names
        if width != len(card.features):
            raise ModelUnusableError(f"model.ubj has {width} features, its card has {len(card.features)}")
        for column, (ours, stated) in enumerate(zip(names or card.names, card.names, strict=True)):
            if ours != stated:
                raise ModelUnusableError(f"column {column} of model.ubj is {ours!r}, its card says {stated!r}")
        self._check_answer()

    def __repr__(self) -> str:
        return f"Model({self.card.name}/{self.card.version})"

    def _check_answer(self) -> None:
        """Predict a row without any value: it must give one finite number. Later calls then find all set up."""
        try:
            alphas = self.predict(np.full((1, len(self.card.features)), np.nan, np.float32))
        except xgboost.core.XGBoostError:
            raise ModelUnusableError("model.ubj cannot predict: it must be a tree booster for regression") from None
        if alphas.shape != (1,) or not np.isfinite(alphas).all():
            raise ModelUnusableError(f"model.ubj must answer one finite number a row, not {alphas.tolist()}")

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict the alpha of every row.

        Args:
            features: (row, feature) float32 in the order of the card, units of the factors; NaN = missing.

        Returns:
            (row,) float32, the predicted return over the card's horizon, a fraction.

        Raises:
            InvalidRequestError: another number of columns than the model's, or an infinite value.
        """
        if features.ndim != 2 or features.shape[1] != len(self.card.features):
            raise InvalidRequestError(
                f"{self.card.name} takes {len(self.card.features)} features a row, not an array of {features.shape}"
            )
        infinite = np.isinf(features)
        if infinite.any():
            row, column = np.argwhere(infinite)[0]
            raise InvalidRequestError(
                f"feature {self.card.names[column]} is infinite as FP32 in row {row}; NaN stands for a missing value"
            )
        alphas: NDArray[np.float32] = self._booster.inplace_predict(np.ascontiguousarray(features, np.float32))
        return alphas


def _load(content: bytes) -> xgboost.Booster:
    if not content.startswith(UBJSON_START):
        raise ModelUnusableError("model.ubj is not an XGBoost model in UBJSON")
    # One thread: batches are small, and waking a second thread costs more than its half of the work.
    booster = xgboost.Booster({"nthread": 1, "device": "cpu"})
    try:
        booster.load_model(bytearray(content))
    except ValueError:  # XGBoostError and UnicodeDecodeError are ValueErrors; their texts hold paths and stack traces
        raise ModelUnusableError(f"model.ubj is damaged: XGBoost {xgboost.__version__} cannot read it") from None
    return booster
