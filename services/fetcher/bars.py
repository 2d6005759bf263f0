"""The core of the fetcher: which sessions a request means, what is there, and the blocks that go out.

A stream of bars goes through four steps:
  1. `window` turns as_of and a count into sessions and splits.
  2. `SessionSync.wait` brings the missing sessions, until the deadline comes near.
  3. `Blocks.send` cuts the raw bars of the next symbols out of L1 and restates them for splits.
  4. `Repair.run` asks for symbols without any bar one by one, where the plan affords it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date

from services.fetcher.blocks import Blocks
from services.fetcher.cache import SessionCache
from services.fetcher.reference import Reference
from services.fetcher.repair import Repair
from services.fetcher.store import Store
from services.fetcher.store_sync import StoreSync
from services.fetcher.stored_source import StoredSource
from services.fetcher.symbol_list import Listed, SymbolList
from services.fetcher.symbols import SymbolIndex
from services.fetcher.sync import SessionSync, SyncState
from services.fetcher.window import Window, sessions_of
from services.market import sessions as calendar
from services.market.errors import InvalidRequestError
from services.market.panel import Panel
from services.market.vocabulary import Reason

Omissions = tuple[tuple[str, Reason], ...]
Emit = Callable[[SyncState | Panel | Omissions], Awaitable[None]]
"""Takes what goes out next: progress, a block of bars, or symbols without any."""


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """What a stream of bars came to: sessions there and wanted, bars refused while it waited, seconds left."""

    as_of: date
    ready_count: int
    wanted_count: int
    refused_count: int
    eta_s: float | None


class Bars:
    """Adjusted bars of any symbols over any window, from L1 or from the source.

    Args:
        source: where raw bars come from, through the store; shared with `index`.
        index: numbers of the symbols in `cache`.
        cache: L1.
        store: L2.
        early_sessions: without so many of the newest sessions there is nothing to send.

    Attributes:
        stored: brings bars into the store and tells what is there.
    """

    def __init__(
        self, source: StoredSource, index: SymbolIndex, cache: SessionCache, store: Store, *, early_sessions: int
    ) -> None:
        self._source = source
        self._cache = cache
        self._blocks = Blocks(index, cache)
        self._early_sessions = early_sessions
        self._sync = SessionSync(self._source, cache)
        self._reference = Reference(self._source)
        self._symbols = SymbolList(self._reference, self._sync, index, cache, self._source)
        self._repair = Repair(self._source, index, cache)
        self.stored = StoreSync(self._source, store, self._sync, self._symbols, self._reference)

    def __repr__(self) -> str:
        return f"Bars({self._source.name}, {self._cache!r})"

    def resolve(self, as_of: str) -> date:
        """Return the session of an ISO date, or the newest completed one for an empty text.

        Raises:
            InvalidRequestError: not a date, not completed yet, or not a session.
        """
        latest = self._source.latest_session()
        if not as_of:
            return latest
        try:
            day = date.fromisoformat(as_of)
            nearest = calendar.nearest_session(day)
        except ValueError:
            raise InvalidRequestError(f"as_of {as_of!r} is not a date such as {latest}") from None
        if day > latest:
            raise InvalidRequestError(f"as_of {day} is not over yet: the newest completed session is {latest}")
        if nearest != day:
            raise InvalidRequestError(f"as_of {day} is not a session of the exchange: the one before is {nearest}")
        return day

    @property
    def request_total(self) -> int:
        """Calls to the source so far."""
        return self._source.request_count

    @property
    def provider(self) -> tuple[str, bool]:
        """Name of the source, and whether its bars are generated ones."""
        return self._source.name, self._source.simulated

    @property
    def plan(self) -> str:
        """Name of the provider's plan; empty without one."""
        return self._source.pace.plan

    async def listed(self, as_of: date, history_count: int, *, until: float) -> Listed:
        """Return the symbols by liquidity on as_of, and begin to fetch the window; see `SymbolList.listed`."""
        return await self._symbols.listed(as_of, sessions_of(as_of, history_count) if history_count else (), until)

    async def stream(
        self, symbols: Sequence[str], as_of: date, history_count: int, *, until: float, block_size: int, emit: Emit
    ) -> StreamSummary:
        """Send the bars of `symbols` in their order, then the omissions.

        Args:
            symbols: without duplicates.
            as_of: a session, as `resolve` gave it.
            history_count: number of sessions, ending with as_of.
            until: the loop's time after which no call to the source is waited for.
            block_size: symbols in a block.
            emit: takes what goes out.

        Raises:
            InvalidRequestError: the window begins before the calendar.
            TechnicError: the source failed before enough sessions were there.
        """
        sessions = sessions_of(as_of, history_count)
        with self._cache.pinned(sessions):
            return await self._stream(symbols, sessions, until, block_size, emit)

    async def _stream(
        self, symbols: Sequence[str], sessions: tuple[date, ...], until: float, block_size: int, emit: Emit
    ) -> StreamSummary:
        refused_before, began = self._sync.refused_count, asyncio.get_running_loop().time()
        missing_before = sum(session not in self._cache for session in sessions)
        asking = asyncio.create_task(self._reference.splits(sessions[0]))
        try:
            failure = await self._sync.wait(sessions, until, emit)
            splits = await asking
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        if all(session in self._cache for session in sessions[-self._early_sessions :]):
            await self._send_all(symbols, Window(sessions, splits), until, block_size, emit)
        elif failure is not None:
            raise failure
        missing = sum(session not in self._cache for session in sessions)
        elapsed_s = asyncio.get_running_loop().time() - began
        return StreamSummary(
            as_of=sessions[-1],
            ready_count=len(sessions) - missing,
            wanted_count=len(sessions),
            refused_count=self._sync.refused_count - refused_before,
            eta_s=self._source.pace.eta_s(missing, missing_before - missing, elapsed_s),
        )

    async def _send_all(
        self, symbols: Sequence[str], window: Window, until: float, block_size: int, emit: Emit
    ) -> None:
        """Emit the blocks, those of repaired symbols last, then the omissions."""
        lacking = await self._blocks.send(symbols, window, block_size, emit)
        if not lacking:
            return
        patience = asyncio.get_running_loop().time() + REASONS_WAIT_S
        listings = await self._symbols.known(window.sessions[-1], min(until, patience))
        repaired, omissions = await self._repair.run(lacking, window.sessions, listings, until)
        await self._blocks.send(repaired, window, block_size, emit)
        if omissions:
            await emit(omissions)

    async def close(self) -> None:
        """End all work and release the source."""
        await self._sync.close()
        await self._reference.close()
        await self._source.close()


REASONS_WAIT_S = 2.0
"""Seconds that symbols without bars wait for the reference list, which tells the unknown ones from the others."""
