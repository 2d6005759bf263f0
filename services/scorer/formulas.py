"""Runs formulas over a block: at as_of, or at many sessions. The one place where what is not finite becomes NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from services.scorer.indicators import Indicators
from services.scorer.kernels.finite import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from services.scorer.factors.spec import FactorSpec
    from services.scorer.series import Series

    Array = NDArray[np.float64]


def last_values(specs: Sequence[FactorSpec], series: Series, benchmark: Array | None) -> Array:
    """Compute factors at the last session.

    Args:
        specs: the factors.
        series: carried bars.
        benchmark: (session,) float64, SPY's carried closes over the same sessions; None: market-relative factors are
            NaN.

    Returns:
        (symbol, factor) float64, C order. A value that does not exist (too little history, a range of zero) is NaN,
        always the same one, and never inf.
    """
    symbols = len(series.symbols)
    if not series.scored.any():
        return np.full((symbols, len(specs)), np.nan)
    indicators = Indicators(series, benchmark)
    values = np.empty((symbols, len(specs)))
    with np.errstate(all="ignore"):
        for column, spec in enumerate(specs):
            values[:, column] = spec.formula(indicators)[-1]
    values[~np.isfinite(values)] = np.nan
    return values


def values_at(
    specs: Sequence[FactorSpec], series: Series, benchmark: Array | None, positions: NDArray[np.int64]
) -> dict[str, Array]:
    """Compute factors at some sessions of a series, by the same formulas as `last_values`.

    Args:
        specs: the factors.
        series: carried bars; `scored` does not matter here.
        benchmark: as in `last_values`.
        positions: (position,) ascending, sessions counted from the series' first.

    Returns:
        (position, symbol) float64 by name. Each value reads its own session and earlier ones only; what does not exist
        is NaN, never inf.
    """
    first = int(positions[0])
    indicators = Indicators(series, benchmark, series.bars.shape[1] - first)
    every = len(positions) == indicators.rows
    columns: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for spec in specs:
            values = spec.formula(indicators)
            columns[spec.name] = finite(np.ascontiguousarray(values if every else values[positions - first]))
    return columns
