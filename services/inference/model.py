"""A loaded XGBoost model. The only module of the service that knows the library."""

import numpy as np
import xgboost
from numpy.typing import NDArray

from services.inference.card import Card
from services.inference.device import Device
from services.market.errors import InvalidRequestError, ModelUnusableError

UBJSON_START = b"{L"
"""First bytes of every model that XGBoost writes as UBJSON. It ends the whole process on an empty buffer."""
BUILT_FOR_GPUS = bool(xgboost.build_info().get("USE_CUDA"))
"""Whether the installed library can predict on a GPU."""
CONTRIBUTION_ROWS = 100
"""Most rows whose contributions are computed at once: a row costs as much as some hundred predictions."""
INSIDE_OF = 10
"""A row is out of distribution if more than one of so many features lies outside its range of training."""


class Model:
    """A booster and its card. Predictions may run in several threads at once.

    A row's alpha depends on that row only: on a CPU, bit for bit the same in any batch, order or thread.

    Args:
        card: the model's card.
        content: what model.ubj holds.
        device: where all of that is computed.

    Raises:
        ModelUnusableError: the content is no model, has other features than its card, or gives more than one number.
    """

    def __init__(self, card: Card, content: bytes, device: Device = "cpu") -> None:
        self.card = card
        self.size = len(content)
        self._device = device
        self._booster = _load(content, device)
        ranges = np.array(card.feature_ranges or (), np.float32).reshape(-1, 2)
        self._low, self._high = ranges.T
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
        features = self._checked(features)
        if self._device == "cpu":
            alphas: NDArray[np.float32] = self._booster.inplace_predict(features)
        else:  # in place, it would predict on the CPU what lies in its memory
            alphas = self._booster.predict(_table(features), validate_features=False)
        return alphas

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Say what each feature adds to the alpha of every row, by TreeSHAP (Lundberg, Erion and Lee 2018).

        Args:
            features: (row, feature) as in `predict`, at most CONTRIBUTION_ROWS rows.

        Returns:
            (row, feature + 1) float32, fractions: what each feature adds, in the order of the card, and last the bias,
            the model's mean over its training; a row sums to its alpha, to the precision of float32.

        Raises:
            InvalidRequestError: as `predict`, or too many rows.
        """
        features = self._checked(features)
        if len(features) > CONTRIBUTION_ROWS:
            raise InvalidRequestError(f"contributions are given for at most {CONTRIBUTION_ROWS} rows a request")
        if not len(features):
            return np.empty((0, len(self.card.features) + 1), np.float32)
        parts: NDArray[np.float32] = self._booster.predict(
            _table(features), pred_contribs=True, validate_features=False
        )
        return parts

    def out_of_distribution(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell of every row whether it is unlike what the model learned from.

        Args:
            features: (row, feature) as in `predict`; a missing value counts as inside.

        Returns:
            (row,) bool, true where more than one in INSIDE_OF features lies outside its p0.5 to p99.5 of training.

        Raises:
            InvalidRequestError: as `predict`, or the card does not tell the ranges.
        """
        features = self._checked(features)
        if self.card.feature_ranges is None:
            raise InvalidRequestError(
                f"{self.card.name}/{self.card.version} cannot tell what is out of distribution: "
                "its card has no feature ranges"
            )
        outside = (features < self._low) | (features > self._high)
        exceeded: NDArray[np.bool_] = INSIDE_OF * outside.sum(axis=1) > features.shape[1]
        return exceeded

    def _checked(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
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
        return np.ascontiguousarray(features, np.float32)


def _table(features: NDArray[np.float32]) -> xgboost.DMatrix:
    return xgboost.DMatrix(features, nthread=1)


def _load(content: bytes, device: Device) -> xgboost.Booster:
    if not content.startswith(UBJSON_START):
        raise ModelUnusableError("model.ubj is not an XGBoost model in UBJSON")
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except ValueError:  # XGBoostError and UnicodeDecodeError are ValueErrors; their texts hold paths and stack traces
        raise ModelUnusableError(f"model.ubj is damaged: XGBoost {xgboost.__version__} cannot read it") from None
    # One thread: batches are small, and waking a second thread costs more than its half of the work.
    booster.set_param({"nthread": 1, "device": device})
    return booster
