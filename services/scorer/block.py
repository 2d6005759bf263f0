"""A block from bars to rows: series, factors, rating, flags."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.market.omission import Omission
from services.market.panel import Panel
from services.market.vocabulary import Flag
from services.scorer.engine import FactorEngine
from services.scorer.quality import suspect_flags
from services.scorer.rating import factor_flags, rate
from services.scorer.series import carry_series


@dataclass(frozen=True, slots=True)
class ScoredBlock:
    """Rows of the symbols that could be scored, and the others by name.

    Attributes:
        symbols: the scored ones, in the panel's order.
        values: (symbol, column) float64, C order, columns as in `FactorEngine.columns_of`; NaN = no value.
        flags: (symbol,) uint32 bit set of `Flag`.
        omissions: the panel's other symbols, each with its reason.
    """

    symbols: tuple[str, ...]
    values: NDArray[np.float64]
    flags: NDArray[np.uint32]
    omissions: tuple[Omission, ...]


def score_panel(
    panel: Panel, benchmark: NDArray[np.float64] | None, engine: FactorEngine, *, weekly: bool = False
) -> ScoredBlock:
    """Score every symbol of a panel by its own series and the benchmark's alone.

    Args:
        panel: bars ending with as_of; may be read-only.
        benchmark: (session,) float64, USD, SPY's carried closes over the newest `history` sessions of the panel's, as
            `carry_series` gives them; None: SPY is missing, and every row is flagged so.
        engine: factors and configuration.
        weekly: whether rows have the weekly factors, too.

    Raises:
        ValueError: the benchmark has other sessions than the panel.
    """
    series = carry_series(panel, engine.config.history)
    scored = series.scored
    factors = engine.compute(series, benchmark)[scored]
    symbols = tuple(symbol for symbol, kept in zip(series.symbols, scored, strict=True) if kept)
    flags = (series.flags | suspect_flags(panel, series, engine.config.quality))[scored]
    if len(panel.flags):
        flags |= panel.flags[scored]
    if benchmark is None:
        flags |= np.uint32(Flag.BENCHMARK_MISSING)
    if not symbols:
        return ScoredBlock((), np.empty((0, len(engine.columns_of(weekly=weekly)))), flags, series.omissions)
    by_name = dict(zip(engine.names, factors.T, strict=True))
    ratings = rate(by_name, series.bars[3, -1, scored], engine.config.rating_weights)
    flags |= factor_flags(by_name, engine.config.flags)
    weeks = [engine.compute_weekly(panel)[scored]] if weekly else []
    values = np.column_stack([factors, *ratings.values(), *weeks])
    return ScoredBlock(symbols, values, flags, series.omissions)
