"""One scoring while it runs: panels in work, blocks out in order, and what all of them have in common."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from services.market.panel import Panel
from services.scorer.bars import BarsVersion, EarlyPanel, FetchState
from services.scorer.block import ScoredBlock, score_panel
from services.scorer.regime import CONTEXT_SYMBOLS
from services.scorer.remembered import Remembered
from services.scorer.series import carry_series

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import NDArray

    from services.market.scoring import HistoryRules
    from services.scorer.bars import Event
    from services.scorer.engine import FactorEngine
    from services.scorer.remembered import RememberedScorings, ScoreRequest

BLOCKS_IN_WORK = 2
"""Blocks computed at once: one a core of the smallest machine."""


@dataclass(frozen=True, slots=True)
class EarlyBlock:
    """Rows that are scored again once more sessions are there."""

    block: ScoredBlock


@dataclass(frozen=True, slots=True)
class RowsVersion:
    """Names the blocks so far; if it is the one that the caller knows, they were left out."""

    version: str


Emit = Callable[[FetchState | ScoredBlock | EarlyBlock | RowsVersion], Awaitable[None]]
"""Takes what a scoring gives, in order."""


class ScoringRun:
    """One scoring: panels in work, and what they have in common.

    Args:
        engine: factors and configuration.
        pool: threads that compute.
        request: what is to be scored.
        emit: takes what there is to tell.
        remembered: has the last scoring of the request, and gets this one.
        known_version: that of rows which the caller has already, so that they are left out; empty for none.

    Attributes:
        context: carried closes of the context ETFs, (session,) float64, USD, by symbol.
        compute_s: seconds of computing, summed over blocks.
        known: the last scoring of the request, if it is remembered.
    """

    def __init__(
        self,
        engine: FactorEngine,
        pool: Executor,
        request: ScoreRequest,
        emit: Emit,
        remembered: RememberedScorings,
        known_version: str,
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._requested = frozenset(request.symbols)
        self._emit = emit
        self._request = request
        self._remembered = remembered
        self._known_version = known_version
        self._working: deque[asyncio.Future[tuple[ScoredBlock, float]]] = deque()
        self._emitted: list[ScoredBlock] = []
        self._began = False
        self._early_context: dict[str, NDArray[np.float64]] | None = None
        self.context: dict[str, NDArray[np.float64]] = {}
        self.compute_s = 0.0
        self.known = remembered.get(request)

    async def take(self, event: Event) -> None:
        """Start on a panel, and emit the oldest block once enough are in work; pass on the rest."""
        if isinstance(event, FetchState):
            self._early_context = None  # Early panels that come after it are of more sessions.
            await self._emit(event)
        elif isinstance(event, Panel):
            loop = asyncio.get_running_loop()
            if not self._began:
                # The context comes first, in one panel or, where panels are small, in several.
                self._began = not set(CONTEXT_SYMBOLS).issuperset(event.symbols)
                self.context = self.context | await loop.run_in_executor(
                    self._pool, find_context, event, self._engine.config.history
                )
            self._working.append(loop.run_in_executor(self._pool, self._compute, event, self.context))
            if len(self._working) >= BLOCKS_IN_WORK:
                await self._emit_oldest()
        elif isinstance(event, EarlyPanel):
            await self._take_early(event.panel)
        elif isinstance(event, BarsVersion):
            await self._take_version(event.version)
        else:
            omissions = tuple(omission for omission in event if omission.symbol in self._requested)
            await self.drain()
            width = len(self._engine.columns_of(weekly=self._request.include_weekly))
            await self._emit(ScoredBlock((), np.empty((0, width)), np.empty(0, np.uint32), omissions))

    async def _take_early(self, panel: Panel) -> None:
        """Score an early panel at once; the first one of a round has the context, as among the others."""
        loop = asyncio.get_running_loop()
        if self._early_context is None:
            self._early_context = await loop.run_in_executor(
                self._pool, find_context, panel, self._engine.config.history
            )
        block, seconds = await loop.run_in_executor(self._pool, self._compute, panel, self._early_context)
        self.compute_s += seconds
        await self._emit(EarlyBlock(block))

    async def _take_version(self, version: str) -> None:
        """Remember the blocks so far by their version; if the fetcher left them out, emit them as they are known.

        A caller that knows them, too, gets their version alone.
        """
        await self.drain()
        if not self._remembered.byte_limit:
            return
        if self.known is not None and self.known.version == version:
            self._began, self.context = True, self.known.context
            left_out = self._remembered.name(self.known) == self._known_version
            for block in () if left_out else self.known.blocks:
                await self._emit(block)
        else:
            self.known = Remembered(version, tuple(self._emitted), self.context)
            self._remembered.put(self._request, self.known)
        await self._emit(RowsVersion(self._remembered.name(self.known)))

    async def drain(self) -> None:
        """Emit every block that is still in work."""
        while self._working:
            await self._emit_oldest()

    async def _emit_oldest(self) -> None:
        block, seconds = await self._working.popleft()
        self.compute_s += seconds
        self._emitted.append(block)
        await self._emit(block)

    def _compute(self, panel: Panel, context: dict[str, NDArray[np.float64]]) -> tuple[ScoredBlock, float]:
        """Score a panel, and leave out context ETFs that nobody asked for."""
        began = time.perf_counter()
        block = score_panel(panel, context.get(CONTEXT_SYMBOLS[0]), self._engine, weekly=self._request.include_weekly)
        wanted = np.array([symbol in self._requested for symbol in block.symbols], np.bool_)
        if not wanted.all():
            symbols = tuple(symbol for symbol in block.symbols if symbol in self._requested)
            block = replace(block, symbols=symbols, values=block.values[wanted], flags=block.flags[wanted])
        omissions = tuple(omission for omission in block.omissions if omission.symbol in self._requested)
        return replace(block, omissions=omissions), time.perf_counter() - began


def find_context(panel: Panel, rules: HistoryRules) -> dict[str, NDArray[np.float64]]:
    """Return the carried closes of the context ETFs that a panel has: (session,) float64, USD, by symbol.

    Copies: they are remembered, and a view would keep the bars of the whole panel.
    """
    closes = carry_series(panel, rules).closes()
    return {symbol: closes[symbol].copy() for symbol in CONTEXT_SYMBOLS if symbol in closes}
