"""Blocks: the bars of the next symbols, cut out of L1 and restated for splits while the block before is on its way."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.fetcher.cache import SessionCache, cut
from services.fetcher.source import SymbolBars
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
    """

    def __init__(self, index: SymbolIndex, cache: SessionCache) -> None:
        self._index = index
        self._cache = cache

    def __repr__(self) -> str:
        return f"Blocks({self._cache!r})"

    async def send(
        self,
        symbols: Sequence[str],
        window: Window,
        size: int,
        emit: EmitPanel,
        series: Mapping[str, SymbolBars] | None = None,
    ) -> list[str]:
        """Emit the blocks of `symbols`, the next one being cut while one goes out; return those without any bar.

        Args:
            symbols: without duplicates.
            window: sessions and splits.
            size: symbols in a block.
            emit: takes the blocks, in the symbols' order.
            series: the bars of the symbols where they came one by one; None for those of whole sessions: all blocks are
                cut from the same ones, whatever is put into L1 meanwhile.
        """
        lacking: list[str] = []
        parts = deque(tuple(symbols[start : start + size]) for start in range(0, len(symbols), size))
        cutting: deque[asyncio.Task[Panel]] = deque()
        rows = self._cache.rows(window.sessions) if series is None else ()
        try:
            for part in tuple(parts):
                while parts and len(cutting) < CUT_AHEAD:
                    following = parts.popleft()
                    if series is None:
                        panel_of = self._cut_sessions(following, window, rows)
                    else:
                        panel_of = self._cut_series({it: series[it] for it in following if it in series}, window)
                    cutting.append(asyncio.create_task(asyncio.to_thread(panel_of)))
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

    def _cut_sessions(
        self, symbols: tuple[str, ...], window: Window, rows: Sequence[NDArray[np.float64] | None]
    ) -> Callable[[], Panel]:
        """Return what cuts a block out of whole sessions, in a thread."""

        def block() -> Panel:
            columns = [(symbol, self._index.column_of(symbol)) for symbol in symbols]
            known = tuple(symbol for symbol, column in columns if column is not None)
            numbers = np.array([column for _, column in columns if column is not None], np.int32)
            fetched = [session not in window.missing for session in window.completed]
            bars = cut(rows, numbers)
            bars[:, : len(fetched)][:, ~np.array(fetched, np.bool_)] = np.nan
            return _panel(known, numbers, bars, fetched, window)

        return block

    def _cut_series(self, found: Mapping[str, SymbolBars], window: Window) -> Callable[[], Panel]:
        """Return what puts the bars of single symbols side by side, in a thread."""

        def block() -> Panel:
            days = window.days
            bars = np.full((len(FIELDS), len(days), len(found)), np.nan)
            for place, one in enumerate(found.values()):
                inside = np.isin(one.session_days, days)
                bars[:, np.searchsorted(days, one.session_days[inside]), place] = one.bars[:, inside]
            columns = [self._index.column_of(symbol) for symbol in found]
            numbers = np.array([_NO_COLUMN if column is None else column for column in columns], np.int32)
            fetched = [session not in window.unreachable for session in window.completed]
            return _panel(tuple(found), numbers, bars, fetched, window)

        return block


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
