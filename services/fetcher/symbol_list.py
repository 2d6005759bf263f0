"""Which symbols there are, by liquidity, in bounded time: a slow plan needs minutes for the reference list."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from services.fetcher.cache import SessionCache
from services.fetcher.reference import Reference
from services.fetcher.source import Listing
from services.fetcher.stored_source import StoredSource
from services.fetcher.symbols import SymbolIndex
from services.fetcher.sync import SessionSync, SyncState
from services.market.errors import BudgetSpentError, ProviderUnavailableError
from services.market.universe import type_by_suffix

LISTING_WAIT_S: Final = 10.0
"""Seconds that the list of symbols waits for the newest session, for the order by liquidity."""
SCARCE_S: Final = 1.0
"""Seconds from call to call from which on it matters what is asked for first."""
HEAD_START_S: Final = 0.1
"""Seconds that the first calls get to go out before the others where calls are scarce."""
SCARCE_WAIT_S: Final = 5.0
"""Seconds that the reference list is waited for where calls are scarce: its dozen of pages takes minutes there."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The reference list, most liquid first, then by symbol.

    Attributes:
        listings: the list.
        dollar_volumes: one a listing: close x volume of as_of, USD; 0 without a bar.
        hit_count: sessions of the window that were in memory or stored when the question came.
        notices: what a reader should know about the list.
    """

    listings: tuple[Listing, ...]
    dollar_volumes: tuple[float, ...]
    hit_count: int
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranked:
    """An order of listings, and what it was made from; fields as in `Listed`."""

    as_of: date
    known: dict[str, Listing]
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
    """

    def __init__(
        self, reference: Reference, sync: SessionSync, index: SymbolIndex, cache: SessionCache, source: StoredSource
    ) -> None:
        self._reference = reference
        self._sync = sync
        self._index = index
        self._cache = cache
        self._source = source
        self._last: Ranked | None = None

    @property
    def _scarce(self) -> bool:
        return self._source.pace.spacing_s >= SCARCE_S

    async def begin(self, as_of: date, sessions: Sequence[date]) -> None:
        """Begin to fetch the sessions of a window, or that of as_of alone, and what is needed to read them."""
        self._sync.begin((as_of,))
        asking = self._reference.begin(sessions[0] if sessions else as_of)
        if self._scarce:
            await asyncio.wait(asking, timeout=HEAD_START_S)
        self._sync.begin(sessions)

    async def listed(self, as_of: date, sessions: Sequence[date], until: float) -> Listed:
        """Return the symbols by liquidity on as_of; without its bars in time, by symbol alone.

        Begins to fetch `sessions`, so that the bars are on their way while the caller makes up its universe.

        Args:
            as_of: a session.
            sessions: the window that will be asked for; may be empty.
            until: the loop's time from which on the list is not waited for any more.

        Raises:
            BudgetSpentError: there is nothing to make a list of in time.
            ProviderUnavailableError: nor will there be soon, for the provider is down.
            TechnicError: the source failed.
        """
        hits = sum(session in self._cache or self._source.is_stored(session) for session in sessions)
        await self.begin(as_of, sessions)
        notices: tuple[str, ...] = ()
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(until, now + SCARCE_WAIT_S) if self._scarce else until):
                known = await self._reference.listings()
        except TimeoutError:
            known, notices = await self._instead(as_of)
        await self._sync.wait((as_of,), min(until, now + LISTING_WAIT_S), _ignore)
        ranked = self._ranked(as_of, known)
        return Listed(ranked.listings, ranked.dollar_volumes, hits, notices)

    def _ranked(self, as_of: date, known: dict[str, Listing]) -> Ranked:
        """Order the listings by liquidity on as_of; the last order is kept, since most scans ask for the same."""
        last = self._last
        if last is None or last.as_of != as_of or last.known is not known:
            symbols = sorted(known)
            columns = self._index.add(symbols)
            volumes = self._cache.dollar_volumes(as_of, len(self._index))[columns]
            order = np.argsort(-volumes, kind="stable")
            listings = tuple(known[symbols[place]] for place in order.tolist())
            last = Ranked(as_of, known, listings, tuple(volumes[order].tolist()))
        # Without the bars of as_of the order is a makeshift.
        self._last = last if as_of in self._cache else None
        return last

    async def known(self, as_of: date, until: float) -> dict[str, Listing]:
        """Return the listings by symbol as `listed` would, without fetching anything; empty if there are none."""
        try:
            async with asyncio.timeout_at(until):
                return await self._reference.listings()
        except TimeoutError:
            pass
        try:
            return (await self._instead(as_of))[0]
        except (BudgetSpentError, ProviderUnavailableError):
            return {}

    async def _instead(self, as_of: date) -> tuple[dict[str, Listing], tuple[str, ...]]:
        """Return an older list from the store, else the symbols that traded on as_of; and what to say about that."""
        kept = await self._reference.kept_listings()
        if kept is not None:
            return kept[1], (
                f"the reference list is of {kept[0]}: the provider's plan is too slow for a newer one now",
            )
        traded = np.flatnonzero(self._cache.dollar_volumes(as_of, len(self._index))).tolist()
        if not traded:
            if self._source.failing:
                raise ProviderUnavailableError("The provider is failing, call after call, and nothing of it is stored")
            raise BudgetSpentError("neither the reference list nor the newest session came in time")
        symbols = [self._index.symbol_at(column) for column in traded]
        found = {symbol: Listing(symbol, "", type_by_suffix(symbol), "", "", math.nan) for symbol in symbols}
        return found, (f"the reference list did not come in time: the symbols are those that traded on {as_of}",)


async def _ignore(_: SyncState) -> None:
    """Take progress that nobody asked for."""
