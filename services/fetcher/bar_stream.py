"""A stream of bars: what is there, what is asked for, and the blocks that go out.

It goes through five steps:
  1. `_plan` looks what of the window is in memory and stored, and chooses what to ask for (`plan.plan_fetch`).
  2. `_window` brings what is laid over raw bars: splits, and the bars so far of a session that still runs.
  3. `SessionSync.wait` brings whole sessions, or `SymbolSeries.bring` single symbols, until the deadline comes near.
     `EarlyBlocks` go out meanwhile if that takes long, so that there is something to see.
  4. `Blocks.send` cuts the raw bars of the next symbols and restates them for splits, unless the caller has these
     blocks already (`sent`).
  5. Symbols without a bar in whole sessions are asked for one by one where the plan affords it; the rest are omitted.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from services.fetcher.blocks import Blocks
from services.fetcher.cache import SessionCache
from services.fetcher.early_blocks import EarlyBlocks
from services.fetcher.plan import FetchPlan, Holding, plan_fetch
from services.fetcher.reference.reference import Reference
from services.fetcher.reference.symbol_list import SymbolList
from services.fetcher.running import RunningBars
from services.fetcher.sent import Inputs, SentBlocks
from services.fetcher.series import Omissions, SymbolSeries
from services.fetcher.source import SymbolBars
from services.fetcher.split_check import WAIT_S, SplitCheck
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.stream_events import BarsVersion, Emit, StreamRequest, StreamSummary, SymbolState
from services.fetcher.sync import TICK_S, SessionSync
from services.fetcher.window import Window
from services.market.errors import ProviderPlanError
from services.market.sessions import to_day_number
from services.market.vocabulary import Reason

REASONS_WAIT_S: Final = 2.0
"""Seconds that symbols without bars wait for the reference list, which tells the unknown ones from the others."""


@dataclass(frozen=True, slots=True)
class BarStreams:
    """What streams are made with; shared by all of them.

    Attributes:
        source: where raw bars come from, through the store.
        cache: L1, by session.
        series: bars of single symbols.
        sync: brings sessions.
        symbols: the reference list.
        reference: the splits.
        running: bars so far of a session that still runs.
        check: holds our restated bars against the source's own.
        blocks: cuts blocks.
        sent: remembers which blocks went out.
        early_sessions: without so many of the newest sessions there is nothing to send.
    """

    source: StoredSource
    cache: SessionCache
    series: SymbolSeries
    sync: SessionSync
    symbols: SymbolList
    reference: Reference
    running: RunningBars
    check: SplitCheck
    blocks: Blocks
    sent: SentBlocks
    early_sessions: int

    def holding(self, sessions: Sequence[date]) -> Holding:
        """Look what of some sessions, ascending, is there."""
        memory = frozenset(session for session in sessions if session in self.cache)
        stored = frozenset(s for s in sessions if s not in memory and self.source.is_stored(s))
        return Holding(tuple(sessions), memory, stored, self.sync.coming(sessions))

    async def run(self, request: StreamRequest, window: Window, emit: Emit, *, is_running: bool) -> StreamSummary:
        """Send the bars of the symbols in their order, then the omissions.

        Args:
            request: what is asked for.
            window: its sessions; nothing is laid over them yet.
            emit: takes what goes out.
            is_running: whether the last session still runs.

        Raises:
            TechnicError: the source failed before enough sessions were there.
        """
        loop = asyncio.get_running_loop()
        completed = window.sessions[:-1] if is_running else window.sessions
        holding = self.holding(completed)
        plan = await self._plan(request.symbols, holding, request.until - loop.time())
        refused_before, began = self.sync.refused_count, loop.time()
        stream = _Stream(self, request, replace(window, unreachable=plan.unreachable), plan, emit)
        restating = asyncio.create_task(self.source.restated(window.sessions[0], window.sessions[-1]))
        try:
            missing_count = await stream.run(completed, is_running=is_running)
            restated = await restating
        finally:
            restating.cancel()
            await asyncio.gather(restating, return_exceptions=True)
        return StreamSummary(
            as_of=window.sessions[-1],
            ready_count=len(window.sessions) - missing_count,
            wanted_count=len(window.sessions),
            refused_count=self.sync.refused_count - refused_before,
            eta_s=self.source.pace.eta_s(
                missing_count, len(holding.sessions) - len(holding.memory) - missing_count, loop.time() - began
            ),
            holding=holding,
            plan=stream.plan,
            restated=tuple(symbol for symbol in request.symbols if symbol in restated) if restated else (),
        )

    async def _plan(self, symbols: Sequence[str], holding: Holding, left_s: float) -> FetchPlan:
        # Looking for the histories of thousands of symbols takes time, and they would be more calls anyway.
        few = len(symbols) < len(holding.missing)
        lacking = await self.series.lacking(symbols, holding.sessions) if few else symbols
        return plan_fetch(holding, lacking, self.source.pace, self.source.first_day(), left_s)


class _Stream:
    """One stream: what is asked for, where it goes, and what the source is asked for."""

    def __init__(self, parts: BarStreams, request: StreamRequest, window: Window, plan: FetchPlan, emit: Emit) -> None:
        self._parts = parts
        self._request = request
        self._window = window
        self.plan = plan
        self._emit = emit

    async def run(self, completed: tuple[date, ...], *, is_running: bool) -> int:
        """Send everything; return how many sessions are missing."""
        self._parts.check.begin(self._window.sessions)
        plan, laying = self.plan, asyncio.create_task(self._laid(is_running=is_running))
        reachable = tuple(session for session in completed if session not in plan.unreachable)
        try:
            if plan.by_symbol:
                return await self._by_symbol(reachable, laying) + len(plan.unreachable)
            return await self._by_session(completed, reachable, laying)
        finally:
            laying.cancel()
            await asyncio.gather(laying, return_exceptions=True)

    async def _laid(self, *, is_running: bool) -> Window:
        """Return the window with what is laid over raw bars: splits, and the bars so far of a running session."""
        sessions = self._window.sessions
        snapshot = await self._parts.running.get(sessions[-1]) if is_running else None
        return replace(
            self._window, splits=await self._parts.reference.splits(sessions[0], sessions[-1]), running=snapshot
        )

    async def _by_session(
        self, completed: tuple[date, ...], reachable: tuple[date, ...], laying: asyncio.Task[Window]
    ) -> int:
        """Send bars cut out of whole sessions."""
        parts = self._parts
        if len(reachable) < min(len(completed), parts.early_sessions):
            raise ProviderPlanError(
                f"the history of plan {parts.source.pace.plan} begins on {parts.source.first_day()}: too few sessions "
                f"up to {completed[-1]} lie in it"
            )
        early = EarlyBlocks(
            parts.blocks, parts.cache, completed, parts.early_sessions, self._request, laying, self._emit
        )
        failure = await parts.sync.wait(reachable, self._request.until, early.report)
        window = await laying
        # From here on, what lands belongs to the next stream: all blocks of this one have the same sessions.
        missing = frozenset(session for session in completed if session not in parts.cache)
        if missing.isdisjoint(completed[-parts.early_sessions :]):
            checked = parts.check.suspects(window.sessions, self._patience(WAIT_S))
            window = replace(window.suspecting(await checked), missing=missing)
            lacking = await self._cut(window)
            if lacking:
                await self._repaired(lacking, reachable, window)
        elif failure is not None:
            raise failure
        return len(missing)

    async def _cut(self, window: Window) -> Sequence[str]:
        """Send the blocks, unless the caller has them, and their version; return the symbols without any bar."""
        parts, symbols = self._parts, self._request.symbols
        if window.running is not None:  # Bars that change by the minute have no version.
            return await self._send(symbols, window)
        inputs = Inputs(symbols, window, parts.cache.numbers(window.sessions))
        sent = parts.sent.find(inputs)
        if sent is None or sent.version != self._request.known_version:
            lacking = await self._send(symbols, window)
            sent = sent or parts.sent.add(inputs, lacking)
        await self._emit(BarsVersion(sent.version))
        return sent.lacking

    async def _send(
        self, symbols: Sequence[str], window: Window, series: Mapping[str, SymbolBars] | None = None
    ) -> list[str]:
        return await self._parts.blocks.send(symbols, window, self._request.block_size, self._emit, series)

    async def _repaired(self, lacking: Sequence[str], sessions: tuple[date, ...], window: Window) -> None:
        """Ask for symbols without bars one by one; all of them or, if the plan cannot afford that, none.

        All or none, so that an answer depends on the request and the plan only, never on who asked before.
        """
        listings = await self._parts.symbols.known(sessions[-1], self._patience(REASONS_WAIT_S))
        omissions: Omissions = tuple((symbol, self._parts.series.absence(symbol, listings)) for symbol in lacking)
        if len(lacking) <= self._parts.source.repair_limit:
            until = max(self._request.until, self._request.repair_until)
            asked = await self._parts.series.lacking(lacking, sessions)
            self.plan = self.plan.repairing(asked, self._parts.source.pace)
            found, omissions = await self._parts.series.bring(lacking, sessions, listings, until)
            without = await self._send(tuple(found), window, found)
            omissions = (*omissions, *((symbol, Reason.NO_DATA) for symbol in without))
        if omissions:
            await self._emit(omissions)

    async def _by_symbol(self, sessions: tuple[date, ...], laying: asyncio.Task[Window]) -> int:
        """Send bars that come one symbol at a time; return 0, for a symbol comes with all sessions or is late."""
        parts, symbols = self._parts, self._request.symbols
        parts.check.begin(self._window.sessions, even_if_scarce=True)
        # Nobody waits for it here: the list of symbols is ordered by it.
        parts.sync.begin(sessions[-1:])
        listings = await parts.symbols.known(sessions[-1], self._patience(REASONS_WAIT_S))
        bringing = asyncio.create_task(parts.series.bring(symbols, sessions, listings, self._request.until))
        try:
            while not (await asyncio.wait((bringing,), timeout=TICK_S))[0]:
                ready = sum(parts.series.get(symbol, sessions) is not None for symbol in symbols)
                await self._emit(SymbolState(ready, len(symbols)))
            found, omissions = await bringing
        finally:
            bringing.cancel()
            await asyncio.gather(bringing, return_exceptions=True)
        window = await laying
        first = to_day_number(window.sessions[0])
        closes = {symbol: close for symbol, bars in found.items() if (close := bars.close(first))}
        checked = parts.check.suspects_among(
            window.sessions, closes, self._patience(WAIT_S + 2 * parts.source.pace.spacing_s)
        )
        window = window.suspecting(await checked)
        without = await self._send(tuple(found), window, found)
        omissions = (*omissions, *((symbol, Reason.NO_DATA) for symbol in without))
        if omissions:
            await self._emit(omissions)
        return 0

    def _patience(self, seconds: float) -> float:
        """Return the loop's time until which something is waited for that can be done without."""
        return min(self._request.until, asyncio.get_running_loop().time() + seconds)
