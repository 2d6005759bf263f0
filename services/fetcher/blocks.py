"""Cutting blocks of bars out of L1: raw bars of the next symbols, those of a running session over them, restated."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from services.fetcher.cache import SessionCache
from services.fetcher.symbols import SymbolIndex
from services.fetcher.window import Window
from services.market import sessions as calendar
from services.market.adjust import adjust
from services.market.panel import Panel

CUT_AHEAD = 2
"""Blocks cut, or being cut, before they can go out."""


class Blocks:
    """Cuts the bars of any symbols over a window into panels.

    Args:
        index: numbers of the symbols in `cache`.
        cache: L1.
    """

    def __init__(self, index: SymbolIndex, cache: SessionCache) -> None:
        self._index = index
        self._cache = cache

    async def send(
        self, symbols: Sequence[str], window: Window, size: int, emit: Callable[[Panel], Awaitable[None]]
    ) -> list[str]:
        """Emit the blocks of `symbols`, the next one being cut while one goes out; return those without any bar.

        Args:
            symbols: without duplicates; `size` of them make a block.
            window: the sessions and what is laid over their bars.
            size: symbols in a block, at most.
            emit: takes what goes out.
        """
        lacking: list[str] = []
        parts = deque(tuple(symbols[start : start + size]) for start in range(0, len(symbols), size))
        cutting: deque[asyncio.Task[tuple[Panel, list[str]]]] = deque()
        try:
            while parts or cutting:
                while parts and len(cutting) < CUT_AHEAD:
                    cutting.append(asyncio.create_task(asyncio.to_thread(self._panel, parts.popleft(), window)))
                panel, without = await cutting[0]
                cutting.popleft()
                lacking.extend(without)
                if panel.symbols:
                    await emit(panel)
        finally:
            for task in cutting:
                task.cancel()
        return lacking

    def _panel(self, symbols: tuple[str, ...], window: Window) -> tuple[Panel, list[str]]:
        """Cut and adjust one block; symbols without any bar in the window are returned apart."""
        columns = [self._index.column_of(symbol) for symbol in symbols]
        known = [symbol for symbol, column in zip(symbols, columns, strict=True) if column is not None]
        numbers = np.array([column for column in columns if column is not None], np.int32)
        bars = self._cache.gather(window.sessions, numbers)
        if window.running is not None:
            bars[:, -1] = window.running.bars_of(numbers)
        present = ~np.isnan(bars[3]).all(axis=0)
        if not present.all():
            bars = np.ascontiguousarray(bars[:, :, present])
        kept = tuple(symbol for symbol, there in zip(known, present.tolist(), strict=True) if there)
        days = np.array([calendar.to_day_number(session) for session in window.sessions], np.int32)
        adjust(bars, days, kept, window.splits)
        fetched = np.array(
            [session in self._cache for session in window.completed] + [True] * (window.running is not None)
        )
        keeping = set(kept)
        panel = Panel(kept, days, fetched, bars, window.flags(kept))
        return panel, [symbol for symbol in symbols if symbol not in keeping]
