"""Blocks: the bars of the next symbols, cut out of L1 and restated for splits while the block before is on its way."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.fetcher.cache import SessionCache
from services.fetcher.series import SymbolSeries
from services.fetcher.symbols import SymbolIndex
from services.fetcher.window import Window
from services.market.adjust import adjust
from services.market.panel import FIELDS, Panel

CUT_AHEAD: Final = 2
"""Blocks cut, or being cut, before they can go out."""
_NO_COLUMN: Final = -1

EmitPanel = Callable[[Panel], Awaitable[None]]
"""Takes the next block."""


class Blocks:
    """Cuts blocks out of L1.

    Args:
        index: numbers of the symbols in `cache`.
        cache: L1, by session.
        series: bars of single symbols.
    """

    def __init__(self, index: SymbolIndex, cache: SessionCache, series: SymbolSeries) -> None:
        self._index = index
        self._cache = cache
        self._series = series

    def __repr__(self) -> str:
        return f"Blocks({self._cache!r})"

    async def send(
        self, symbols: Sequence[str], window: Window, size: int, emit: EmitPanel, *, by_symbol: bool = False
    ) -> list[str]:
        """Emit the blocks of `symbols`, the next one being cut while one goes out; return those without any bar.

        Args:
            symbols: without duplicates.
            window: sessions and splits.
            size: symbols in a block.
            emit: takes the blocks, in the symbols' order.
            by_symbol: whether the bars are those that came one symbol at a time; else those of whole sessions.
        """
        lacking: list[str] = []
        parts = deque(tuple(symbols[start : start + size]) for start in range(0, len(symbols), size))
        cutting: deque[asyncio.Task[Panel]] = deque()
        cut = self._cut_series if by_symbol else self._cut_sessions
        try:
            for part in tuple(parts):
                while parts and len(cutting) < CUT_AHEAD:
                    cutting.append(asyncio.create_task(asyncio.to_thread(cut(parts.popleft(), window))))
                panel = await cutting[0]
                cutting.popleft()
                there = set(panel.symbols)
                lacking.extend(symbol for symbol in part if symbol not in there)
                if panel.symbols:
                    await emit(panel)
        finally:
            for task in cutting:
                task.cancel()
        return lacking

    def _cut_sessions(self, symbols: tuple[str, ...], window: Window) -> Callable[[], Panel]:
        """Return what cuts a block out of whole sessions, in a thread."""

        def cut() -> Panel:
            columns = [(symbol, self._index.column_of(symbol)) for symbol in symbols]
            known = tuple(symbol for symbol, column in columns if column is not None)
            numbers = np.array([column for _, column in columns if column is not None], np.int32)
            fetched = [session not in window.missing for session in window.completed]
            bars = self._cache.gather(window.sessions, numbers)
            bars[:, : len(fetched)][:, ~np.array(fetched, np.bool_)] = np.nan
            return _panel(known, numbers, bars, fetched, window)

        return cut

    def _cut_series(self, symbols: tuple[str, ...], window: Window) -> Callable[[], Panel]:
        """Return what puts the bars of single symbols side by side, in a thread; they are looked up before that."""
        sessions = window.reachable
        found = {symbol: bars for symbol in symbols if (bars := self._series.get(symbol, sessions)) is not None}

        def cut() -> Panel:
            days = window.days
            bars = np.full((len(FIELDS), len(days), len(found)), np.nan)
            for place, one in enumerate(found.values()):
                inside = np.isin(one.session_days, days)
                bars[:, np.searchsorted(days, one.session_days[inside]), place] = one.bars[:, inside]
            columns = [self._index.column_of(symbol) for symbol in found]
            numbers = np.array([_NO_COLUMN if column is None else column for column in columns], np.int32)
            fetched = [session not in window.unreachable for session in window.completed]
            return _panel(tuple(found), numbers, bars, fetched, window)

        return cut


def _panel(
    symbols: tuple[str, ...],
    columns: NDArray[np.int32],
    bars: NDArray[np.float64],
    fetched: list[bool],
    window: Window,
) -> Panel:
    """Lay a running session over raw bars, (field, session, symbol), restate them, and drop symbols without any."""
    if window.running is not None:
        bars[:, -1] = window.running.bars_of(columns)
        fetched.append(True)
    present = ~np.isnan(bars[3]).all(axis=0)
    if not present.all():
        bars = np.ascontiguousarray(bars[:, :, present])
    kept = tuple(symbol for symbol, there in zip(symbols, present.tolist(), strict=True) if there)
    adjust(bars, window.days, kept, window.splits)
    return Panel(kept, window.days, np.array(fetched), bars, window.flags(kept))
