"""Figures as JSON can hold them."""

import math
from datetime import date
from typing import Any

import numpy as np


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Make a value fit for JSON: dates as text, arrays as lists, figures to 6 digits, NaN as null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return str(value) if isinstance(value, date) else value
