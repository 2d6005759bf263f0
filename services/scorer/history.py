"""Factors and TechRating of past sessions, from the same formulas as a scan's: what models are trained on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from services.scorer.formulas import values_at
from services.scorer.rating import rate
from services.scorer.series import carry_series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    from services.market.panel import Panel
    from services.market.scoring import HistoryRules
    from services.scorer.engine import FactorEngine
    from services.scorer.series import Series

    Array = NDArray[np.float64]

BLOCK_BARS = 96_000
"""Bars of a block at most, but for a single symbol: all columns of so many take 85 MB."""
BLOCK_SYMBOLS = 256


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
    columns = values_at(engine.specs, series, benchmark, positions)
    with np.errstate(all="ignore"):
        return columns | rate(columns, series.bars[3, positions], engine.config.rating_weights)


@dataclass(frozen=True, slots=True)
class HistoryBlock:
    """The history of some symbols.

    Attributes:
        symbols: in the panel's order.
        columns: (session, symbol) float64 by name, those of `FactorEngine.columns`; NaN = no value.
    """

    symbols: tuple[str, ...]
    columns: dict[str, Array]


def whole(rules: HistoryRules, sessions: int) -> HistoryRules:
    """Let series have so many sessions, a symbol any number of bars, and one that died keep its last close."""
    return replace(rules, sessions=sessions, early_sessions=1, minimum_bars=1, stale_sessions=sessions)


def full_history(
    panel: Panel, benchmark: Array | None, engine: FactorEngine, pool: Executor, workers: int
) -> Iterator[HistoryBlock]:
    """Compute every column at every session, some symbols at a time, in the panel's order.

    All columns of a market over years do not fit in memory, so no more than `workers` + 1 blocks are ever there; how
    fast the caller takes them sets the pace.

    Args:
        panel: bars; sessions behind the last long hole of `session_fetched` count, as in `carry_series`.
        benchmark: (session,) float64, SPY's carried closes over the panel's sessions; None: market-relative factors
            are NaN.
        engine: factors and configuration, warm.
        pool: threads that compute.
        workers: how many of them may be busy at once.
    """
    sessions = len(panel.session_days)
    rules = whole(engine.config.history, sessions)
    positions = np.arange(sessions)
    width = min(BLOCK_SYMBOLS, max(1, BLOCK_BARS // max(1, sessions)))

    def compute(begin: int) -> HistoryBlock:
        part = slice(begin, begin + width)
        bars = np.ascontiguousarray(panel.bars[:, :, part])
        series = carry_series(replace(panel, symbols=panel.symbols[part], bars=bars, flags=panel.flags[part]), rules)
        return HistoryBlock(series.symbols, factor_history(series, benchmark, engine, positions))

    working: deque[Future[HistoryBlock]] = deque()
    for begin in range(0, len(panel.symbols), width):
        working.append(pool.submit(compute, begin))
        if len(working) > workers:
            yield working.popleft().result()
    while working:
        yield working.popleft().result()
