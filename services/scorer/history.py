"""Factors and TechRating of past sessions, from the same formulas as a scan's: what models are trained on."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.engine import FactorEngine
from services.scorer.indicators import Indicators
from services.scorer.rating import rate
from services.scorer.series import Series

Array = NDArray[np.float64]


def factor_history(
    series: Series, benchmark: Array | None, engine: FactorEngine, positions: NDArray[np.int64]
) -> dict[str, Array]:
    """Compute every column of the engine at some sessions of a series.

    Averages that remember all older sessions (EMA, Wilder) start at the symbol's first bar, where a scan starts them
    300 sessions before as_of; beyond an average of about 26 sessions the two differ.

    Args:
        series: carried bars; `scored` does not matter here.
        benchmark: (session,) float64, SPY's carried closes over the same sessions; None: market-relative factors are
            NaN.
        engine: factors and configuration.
        positions: (position,) ascending, sessions counted from the series' first.

    Returns:
        (position, symbol) float64 by column. Each value reads its own session and earlier ones only; what does not
        exist is NaN, never inf.
    """
    first = int(positions[0])
    indicators = Indicators(series, benchmark, series.bars.shape[1] - first)
    columns: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for spec in engine.specs:
            values = spec.formula(indicators)[positions - first]
            values[~np.isfinite(values)] = np.nan
            columns[spec.name] = values
        return columns | rate(columns, series.bars[3, positions], engine.config.rating_weights)
