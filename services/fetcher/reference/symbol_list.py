"""Which symbols there are, by liquidity, in bounded time: a slow plan needs minutes for the reference list."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from services.fetcher.cache import SessionCache
from services.fetcher.plan import FetchPlan
from services.fetcher.reference.completion import Completion
from services.fetcher.reference.details import DetailsBook
from services.fetcher.reference.reference import Reference
from services.fetcher.source import Listing
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.symbols import SymbolIndex
from services.fetcher.sync import SessionSync, SyncState
from services.market.errors import ProviderUnavailableError
from services.market.sessions import sessions_ending
from services.market.universe import type_by_suffix
from services.market.vocabulary import DEFAULT_TYPES

LISTING_WAIT_S: Final = 10.0
"""Seconds that the list of symbols waits for the newest session, for the order by liquidity."""
SCARCE_S: Final = 1.0
"""Seconds from call to call from which on it matters what is asked for first."""
HEAD_START_S: Final = 0.1
"""Seconds that the first calls get to go out before the others where calls are scarce."""
RECENT: Final = 10
"""Sessions that are looked through for the newest one in memory."""
SCARCE_WAIT_S: Final = 5.0
"""Seconds that the reference list is waited for where calls are scarce: its dozen of pages takes minutes there."""
STAND_IN_S: Final = 0.2
"""Seconds that a caller must be left with for a list of what traded: to make, send and account for it takes half."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The reference list, most liquid first, then by symbol.

    Attributes:
        as_of: the session.
        listings: the list.
        dollar_volumes: one a listing: close x volume of as_of, USD; 0 without a bar.
        hit_count: sessions of the window that were in memory or stored when the question came.
        notices: what a reader should know about the list.
        plan: what is to be asked for, by the window and as many symbols as will be; None without a window.
        is_stand_in: whether the reference list did not come in time, and what traded on as_of stands in for it.
    """

    as_of: date
    listings: tuple[Listing, ...]
    dollar_volumes: tuple[float, ...]
    hit_count: int
    notices: tuple[str, ...] = ()
    plan: FetchPlan | None = None
    is_stand_in: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """An order of listings, and what it was made from; fields as in `Listed`.

    Attributes:
        first: first day of the splits that shares were restated for.
    """

    as_of: date
    known: dict[str, Listing]
    version: int
    first: date
    listings: tuple[Listing, ...]
    dollar_volumes: tuple[float, ...]


class SymbolList:
    """Lists symbols, and puts what is fetched into its order: newest session, splits, reference list, older sessions.

    Args:
        reference: the list and the splits.
        sync: brings sessions.
        index: numbers of the symbols in `cache`.
        cache: L1.
        source: what all of them ask.
        details: complete the list.
    """

    def __init__(
        self,
        reference: Reference,
        sync: SessionSync,
        index: SymbolIndex,
        cache: SessionCache,
        source: StoredSource,
        details: DetailsBook,
    ) -> None:
        self._reference = reference
        self._sync = sync
        self._index = index
        self._cache = cache
        self._source = source
        self._completion = Completion(reference, index, cache, details)
        self._last: Ranked | None = None

    @property
    def _scarce(self) -> bool:
        return self._source.pace.spacing_s >= SCARCE_S

    async def begin(self, as_of: date, sessions: Sequence[date], *, whole: bool = True) -> None:
        """Begin to fetch the sessions of a window, or that of as_of alone, and what is needed to read them.

        Args:
            as_of: a session.
            sessions: the window; may be empty.
            whole: whether all its sessions are wanted; else only that of as_of.
        """
        self._sync.begin((as_of,))
        asking = self._reference.begin(sessions[0] if sessions else as_of, as_of)
        if self._scarce:
            await asyncio.wait(asking, timeout=HEAD_START_S)
        if whole:
            self._sync.begin(sessions)

    async def listed(
        self, as_of: date, sessions: Sequence[date], until: float, *, ends: float = math.inf, whole: bool = True
    ) -> Listed:
        """Return the symbols by liquidity on as_of; without its bars in time, by symbol alone.

        Begins to fetch `sessions`, so that the bars are on their way while the caller makes up its universe. With
        nothing to make a list of in time it is empty, which a notice says.

        Args:
            as_of: a session.
            sessions: the window that will be asked for; may be empty.
            until: the loop's time from which on the list is not waited for any more.
            ends: the loop's time at which the caller must be done; with little left, nothing stands in for the list.
            whole: as in `begin`.

        Raises:
            ProviderUnavailableError: there is nothing to make a list of, nor will there be soon: the provider is down.
            TechnicError: the source failed.
        """
        hits = sum(session in self._cache or self._source.is_stored(session) for session in sessions)
        await self.begin(as_of, sessions, whole=whole)
        loop, is_stand_in = asyncio.get_running_loop(), False
        now = loop.time()
        try:
            async with asyncio.timeout_at(min(until, now + SCARCE_WAIT_S) if self._scarce else until):
                found = await self._reference.listings(as_of)
            known, notices = found.symbols, found.notices(as_of)
        except TimeoutError:
            is_stand_in = True
            known, notices = self._instead(as_of, in_time=ends - loop.time() >= STAND_IN_S)
        patience = min(until, now + LISTING_WAIT_S)
        if self._source.can_give(as_of):
            await self._sync.wait((as_of,), patience, _ignore, patient=False)
        ranked = await self._ranked(as_of, known, sessions[0] if sessions else as_of, patience)
        return Listed(as_of, ranked.listings, ranked.dollar_volumes, hits, notices, is_stand_in=is_stand_in)

    async def by_liquidity(self) -> tuple[str, ...]:
        """Return the stocks of the newest list, most liquid first by the newest session in memory; without any call."""
        newest = await self._reference.newest()
        if newest is None:
            return ()
        symbols = sorted(symbol for symbol, one in newest.symbols.items() if one.type in DEFAULT_TYPES)
        recent = reversed(sessions_ending(self._source.latest_session(), RECENT))
        session = next((session for session in recent if session in self._cache), newest.session)
        columns = self._index.add(symbols)
        volumes = self._cache.dollar_volumes(session, len(self._index))[columns]
        return tuple(symbols[place] for place in np.argsort(-volumes, kind="stable").tolist())

    async def _ranked(self, as_of: date, known: dict[str, Listing], first: date, until: float) -> Ranked:
        """Order the listings by liquidity on as_of; the last order is kept, since most scans ask for the same."""
        last = self._last
        # What counts for a session that is over does not change any more.
        version = self._completion.version if as_of > self._source.latest_session() else 0
        if last is None or (last.as_of, last.version, last.first) != (as_of, version, first) or last.known is not known:
            shown, is_whole = await self._completion.complete(as_of, known, first, until)
            symbols = sorted(shown)
            columns = self._index.add(symbols)
            volumes = self._cache.dollar_volumes(as_of, len(self._index))[columns]
            order = np.argsort(-volumes, kind="stable")
            listings = tuple(shown[symbols[place]] for place in order.tolist())
            last = Ranked(as_of, known, version, first, listings, tuple(volumes[order].tolist()))
            # Without the bars of as_of the order is a makeshift.
            self._last = last if as_of in self._cache and is_whole else None
        return last

    async def known(self, as_of: date, until: float) -> dict[str, Listing]:
        """Return the listings by symbol as `listed` would; empty if there are none in time."""
        try:
            async with asyncio.timeout_at(until):
                return (await self._reference.listings(as_of)).symbols
        except TimeoutError:
            return self._traded(as_of)

    def _instead(self, as_of: date, *, in_time: bool) -> tuple[dict[str, Listing], tuple[str, ...]]:
        """Return the symbols that traded on as_of in place of a list, if there is time, and what to say about that."""
        there = as_of in self._cache
        if there and in_time:
            notice = f"the reference list did not come in time: the symbols are those that traded on {as_of}"
            return self._traded(as_of), (notice,)
        if self._source.failing and not there:
            raise ProviderUnavailableError("The provider is failing, call after call, and nothing of it is stored")
        return {}, ("the reference list did not come in time: no symbol is known yet",)

    def _traded(self, as_of: date) -> dict[str, Listing]:
        traded = np.flatnonzero(self._cache.dollar_volumes(as_of, len(self._index))).tolist()
        symbols = [self._index.symbol_at(column) for column in traded]
        return {symbol: Listing(symbol, "", type_by_suffix(symbol), "", "", math.nan) for symbol in symbols}


async def _ignore(_: SyncState) -> None:
    """Take progress that nobody asked for."""
