"""A scoring of a universe: panels in, scored blocks out, in order, computed beside the event loop.

The context ETFs go first, so that the first panel holds SPY, which every symbol's market-relative factors need.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from services.market.panel import Panel
from services.scorer.bars import FetchEnd, FetchState
from services.scorer.block import ScoredBlock, score_panel
from services.scorer.regime import CONTEXT_SYMBOLS, find_regime
from services.scorer.series import carry_series

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from services.market.regime import Regime
    from services.market.vocabulary import Reason
    from services.scorer.engine import FactorEngine

    Omissions = tuple[tuple[str, Reason], ...]
    Take = Callable[[FetchState | Panel | Omissions], Awaitable[None]]
    Emit = Callable[[FetchState | ScoredBlock], Awaitable[None]]

BLOCKS_IN_WORK = 2
"""Blocks computed at once: one a core of the smallest machine."""


class BarStream(Protocol):
    """Where panels come from."""

    async def stream(
        self,
        symbols: Sequence[str],
        as_of: str,
        history_count: int,
        within_s: float | None,
        take: Take,
        *,
        include_running: bool = False,
    ) -> FetchEnd:
        """Give what comes to `take`, in order; return what it came to."""
        ...


@dataclass(frozen=True, slots=True)
class ScoringSummary:
    """What a scoring found out about the market, and took."""

    fetch: FetchEnd
    regime: Regime
    compute_s: float


class UniverseScorer:
    """Scores universes.

    Args:
        engine: factors and configuration; warm.
        bars: where panels come from.
        pool: threads that compute; shared by all scorings.
    """

    def __init__(self, engine: FactorEngine, bars: BarStream, pool: Executor) -> None:
        self.engine = engine
        self._bars = bars
        self._pool = pool

    async def score(
        self,
        symbols: Sequence[str],
        as_of: str,
        within_s: float | None,
        emit: Emit,
        *,
        include_running: bool = False,
    ) -> ScoringSummary:
        """Score `symbols`, giving fetch states and blocks to `emit`, in the order asked for.

        With `include_running` as_of may be the session that runs now, whose bars are provisional.

        Raises:
            TechnicError: what the fetcher raised, or that it cannot be reached.
        """
        run = _Scoring(self.engine, self._pool, frozenset(symbols), emit)
        others = (symbol for symbol in symbols if symbol not in CONTEXT_SYMBOLS)
        history = self.engine.config.history.sessions
        fetch = await self._bars.stream(
            (*CONTEXT_SYMBOLS, *others), as_of, history, within_s, run.take, include_running=include_running
        )
        await run.drain()
        return ScoringSummary(fetch, find_regime(run.context), run.compute_s)


class _Scoring:
    """One scoring: panels in work, and what they have in common."""

    def __init__(self, engine: FactorEngine, pool: Executor, requested: frozenset[str], emit: Emit) -> None:
        self._engine = engine
        self._pool = pool
        self._requested = requested
        self._emit = emit
        self._working: deque[asyncio.Future[tuple[ScoredBlock, float]]] = deque()
        self._began = False
        self.context: dict[str, NDArray[np.float64]] = {}
        self.compute_s = 0.0

    async def take(self, event: FetchState | Panel | Omissions) -> None:
        """Start on a panel, and emit the oldest block once enough are in work; pass on the rest."""
        if isinstance(event, FetchState):
            await self._emit(event)
        elif isinstance(event, Panel):
            loop = asyncio.get_running_loop()
            if not self._began:
                self._began = True
                self.context = await loop.run_in_executor(self._pool, self._find_context, event)
            self._working.append(loop.run_in_executor(self._pool, self._compute, event))
            if len(self._working) >= BLOCKS_IN_WORK:
                await self._emit_oldest()
        else:
            omissions = tuple(omission for omission in event if omission[0] in self._requested)
            await self.drain()
            await self._emit(
                ScoredBlock((), np.empty((0, len(self._engine.columns))), np.empty(0, np.uint32), omissions)
            )

    async def drain(self) -> None:
        """Emit every block that is still in work."""
        while self._working:
            await self._emit_oldest()

    async def _emit_oldest(self) -> None:
        block, seconds = await self._working.popleft()
        self.compute_s += seconds
        await self._emit(block)

    def _find_context(self, panel: Panel) -> dict[str, NDArray[np.float64]]:
        closes = carry_series(panel, self._engine.config.history).closes()
        return {symbol: closes[symbol] for symbol in CONTEXT_SYMBOLS if symbol in closes}

    def _compute(self, panel: Panel) -> tuple[ScoredBlock, float]:
        """Score a panel, and leave out context ETFs that nobody asked for."""
        began = time.perf_counter()
        block = score_panel(panel, self.context.get(CONTEXT_SYMBOLS[0]), self._engine)
        wanted = np.array([symbol in self._requested for symbol in block.symbols], np.bool_)
        if not wanted.all():
            symbols = tuple(symbol for symbol in block.symbols if symbol in self._requested)
            block = replace(block, symbols=symbols, values=block.values[wanted], flags=block.flags[wanted])
        omissions = tuple(omission for omission in block.omissions if omission[0] in self._requested)
        return replace(block, omissions=omissions), time.perf_counter() - began
