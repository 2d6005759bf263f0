"""A scoring of a universe: panels in, scored blocks out, in order, computed beside the event loop.

The context ETFs go first, so that the first panel holds SPY, which every symbol's market-relative factors need. What
was scored once is remembered: while the fetcher has the same bars, it sends none, and the blocks go out again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from services.market.panel import Panel
from services.market.weeks import WEEKLY_SESSIONS
from services.scorer.bars import BarsVersion, FetchEnd, FetchState
from services.scorer.block import ScoredBlock, score_panel
from services.scorer.regime import CONTEXT_SYMBOLS, find_regime
from services.scorer.remembered import Remembered
from services.scorer.series import carry_series

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from services.market.regime import Regime
    from services.scorer.bars import Event, Take
    from services.scorer.engine import FactorEngine
    from services.scorer.remembered import RememberedScorings, ScoreRequest

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
        known_version: str = "",
    ) -> FetchEnd:
        """Give what comes to `take`, in order, without panels of `known_version`; return what it came to."""
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
        remembered: where scorings are kept for as long as their bars do not change.
    """

    def __init__(self, engine: FactorEngine, bars: BarStream, pool: Executor, remembered: RememberedScorings) -> None:
        self.engine = engine
        self._bars = bars
        self._pool = pool
        self._remembered = remembered

    async def score(self, request: ScoreRequest, within_s: float | None, emit: Emit) -> ScoringSummary:
        """Score symbols, giving fetch states and blocks to `emit`, in the order asked for.

        Raises:
            TechnicError: what the fetcher raised, or that it cannot be reached.
        """
        known = self._remembered.get(request)
        run = _Scoring(self.engine, self._pool, request, emit, known)
        others = (symbol for symbol in request.symbols if symbol not in CONTEXT_SYMBOLS)
        fetch = await self._bars.stream(
            (*CONTEXT_SYMBOLS, *others),
            request.as_of,
            WEEKLY_SESSIONS if request.include_weekly else self.engine.config.history.sessions,
            within_s,
            run.take,
            include_running=request.include_running,
            known_version=known.version if known else "",
        )
        await run.drain()
        if run.scored is not None:
            self._remembered.put(request, run.scored)
        return ScoringSummary(fetch, find_regime(run.context), run.compute_s)


class _Scoring:
    """One scoring: panels in work, and what they have in common.

    Attributes:
        context: carried closes of the context ETFs, (session,) float64, USD, by symbol.
        compute_s: seconds of computing, summed over blocks.
        scored: what is worth remembering; None if the bars have no version.
    """

    def __init__(
        self,
        engine: FactorEngine,
        pool: Executor,
        request: ScoreRequest,
        emit: Emit,
        known: Remembered | None,
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._requested = frozenset(request.symbols)
        self._weekly = request.include_weekly
        self._emit = emit
        self._known = known
        self._working: deque[asyncio.Future[tuple[ScoredBlock, float]]] = deque()
        self._emitted: list[ScoredBlock] = []
        self._began = False
        self.context: dict[str, NDArray[np.float64]] = {}
        self.compute_s = 0.0
        self.scored: Remembered | None = None

    async def take(self, event: Event) -> None:
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
        elif isinstance(event, BarsVersion):
            await self._take_version(event.version)
        else:
            omissions = tuple(omission for omission in event if omission[0] in self._requested)
            await self.drain()
            width = len(self._engine.columns_of(weekly=self._weekly))
            await self._emit(ScoredBlock((), np.empty((0, width)), np.empty(0, np.uint32), omissions))

    async def _take_version(self, version: str) -> None:
        """Remember the blocks so far by their version; emit them as they are known if the fetcher left them out."""
        await self.drain()
        if self._known is None or self._known.version != version:
            self.scored = Remembered(version, tuple(self._emitted), self.context)
            return
        self._began, self.context, self.scored = True, self._known.context, self._known
        for block in self._known.blocks:
            await self._emit(block)

    async def drain(self) -> None:
        """Emit every block that is still in work."""
        while self._working:
            await self._emit_oldest()

    async def _emit_oldest(self) -> None:
        block, seconds = await self._working.popleft()
        self.compute_s += seconds
        self._emitted.append(block)
        await self._emit(block)

    def _find_context(self, panel: Panel) -> dict[str, NDArray[np.float64]]:
        closes = carry_series(panel, self._engine.config.history).closes()
        return {symbol: closes[symbol] for symbol in CONTEXT_SYMBOLS if symbol in closes}

    def _compute(self, panel: Panel) -> tuple[ScoredBlock, float]:
        """Score a panel, and leave out context ETFs that nobody asked for."""
        began = time.perf_counter()
        block = score_panel(panel, self.context.get(CONTEXT_SYMBOLS[0]), self._engine, weekly=self._weekly)
        wanted = np.array([symbol in self._requested for symbol in block.symbols], np.bool_)
        if not wanted.all():
            symbols = tuple(symbol for symbol in block.symbols if symbol in self._requested)
            block = replace(block, symbols=symbols, values=block.values[wanted], flags=block.flags[wanted])
        omissions = tuple(omission for omission in block.omissions if omission[0] in self._requested)
        return replace(block, omissions=omissions), time.perf_counter() - began
