"""The registry: every factor, in the order of the columns.

To add one, write its formula over `Indicators` and its declaration in the module of its family; a declaration that
stands in SPECS is computed, named, versioned and tested for its lookback like all others. Its oracle in the tests is
yours to add: a factor without one fails them.
"""

from services.scorer.factors import extremes, oscillators, relative, returns, trend, volatility, volume
from services.scorer.factors.spec import FactorSpec

FACTORS: tuple[FactorSpec, ...] = (
    *returns.SPECS,
    *trend.SPECS,
    *oscillators.SPECS,
    *volatility.SPECS,
    *volume.SPECS,
    *extremes.SPECS,
    *relative.SPECS,
)
