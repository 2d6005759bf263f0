"""Ridge regression on the places of features within their session: the plainest model of the same factors."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.inference.labels import percentiles

Array = NDArray[np.float64]

PENALTY: Final = 0.01
"""Of a squared weight, a row. A place has a variance of 1/12: weights shrink by a tenth, more where features agree."""


def places(features: NDArray[np.float32], positions: NDArray[np.int64]) -> Array:
    """Return (row, feature) percentiles within the session, from -0.5 to 0.5; 0 where a value is missing."""
    found = np.column_stack([percentiles(column.astype(np.float64), positions) for column in features.T]) - 0.5
    return found.astype(np.float64)


def fit_ridge(x: Array, labels: Array) -> Array:
    """Return the (feature,) weights of least squares with a penalty, without an intercept."""
    square = x.T @ x + PENALTY * len(x) * np.eye(x.shape[1])
    return np.linalg.solve(square, x.T @ labels).astype(np.float64)
