"""Blocks of the sessions that came first, where the others take so long that somebody would wait."""

import asyncio
from dataclasses import replace
from datetime import date
from typing import Final

from services.fetcher.blocks import Blocks
from services.fetcher.cache import SessionCache
from services.fetcher.stream_events import EarlyPanel, Emit, StreamRequest
from services.fetcher.sync import SyncState
from services.fetcher.window import Window
from services.market.early import early_sessions
from services.market.panel import Panel

WORTH_S: Final = 1.0
"""Seconds that the missing sessions must be expected to take: early blocks cost a few tenths of one."""


class EarlyBlocks:
    """Sends early blocks, once, while a stream waits for sessions.

    Args:
        blocks: cuts them.
        cache: L1.
        sessions: those that are over, ascending.
        least_count: how many of the newest suffice for a score.
        request: what is asked for.
        laying: gives the window with what is laid over raw bars.
        emit: takes progress and blocks.
    """

    def __init__(
        self,
        blocks: Blocks,
        cache: SessionCache,
        sessions: tuple[date, ...],
        least_count: int,
        request: StreamRequest,
        laying: asyncio.Task[Window],
        emit: Emit,
    ) -> None:
        self._blocks = blocks
        self._cache = cache
        self._sessions = sessions
        self._early = early_sessions(sessions, least_count)
        self._sent = False
        self._request = request
        self._laying = laying
        self._emit = emit

    def __repr__(self) -> str:
        return "EarlyBlocks(sent)" if self._sent else f"EarlyBlocks(behind {len(self._early)} sessions)"

    def _is_due(self, state: SyncState) -> bool:
        worth_it = self._request.include_early and state.eta_s is not None and state.eta_s >= WORTH_S
        return worth_it and self._laying.done() and all(one in self._cache for one in self._early)

    async def report(self, state: SyncState) -> None:
        """Pass on how far the sessions have come, and send the blocks once it is time; sessions go on coming."""
        await self._emit(state)
        if not self._sent and self._is_due(state):
            self._sent = True
            missing = frozenset(session for session in self._sessions if session not in self._cache)
            window = replace((await self._laying).suspecting(frozenset()), missing=missing)
            await self._blocks.send(self._request.symbols, window, self._request.block_size, self._send)

    async def _send(self, panel: Panel) -> None:
        # Whoever reads slowly gets a part of them, and what is there in time. A write is never broken off.
        if asyncio.get_running_loop().time() < self._request.until:
            await self._emit(EarlyPanel(panel))
