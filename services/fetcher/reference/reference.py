"""The reference list and the splits: asked for by sessions, shared by all who need them.

A scan as of S takes the list of S where the source can tell it, as files can. Else it takes the newest list that came
while an older session than S was the newest one, so that it says the same whenever it is done; without such a list the
oldest one; without any list one is asked for (ADR 0016).
"""

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

import structlog
from cachetools import LRUCache

from services.fetcher.reference.kept_lists import Symbols
from services.fetcher.store.stored_source import StoredSource
from services.market.adjust import Split, by_symbol
from services.market.sessions import sessions_between

STALE_SESSIONS: Final = 5
"""Sessions that a list may lie behind a scan; a newer one is asked for then, for the scans to come."""

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DatedList:
    """A reference list by symbol, and the session that was the newest one when it came."""

    session: date
    symbols: Symbols

    def age(self, as_of: date) -> int:
        """Return how many sessions it lies behind as_of; 0 for one that came later."""
        return max(0, len(sessions_between(self.session, as_of)) - 1)

    def notices(self, as_of: date) -> tuple[str, ...]:
        """Return what a reader of a scan as of `as_of` should know about the list."""
        age = self.age(as_of)
        if age <= STALE_SESSIONS:
            return ()
        return (f"the reference list is of {self.session}, {age} sessions before: it lacks what was listed since",)


class Reference:
    """Knows the source's reference lists and splits; one call at a time for each, whoever waits."""

    def __init__(self, source: StoredSource) -> None:
        self._source = source
        self._chosen: LRUCache[object, asyncio.Task[DatedList]] = LRUCache(16)
        self._fetched: LRUCache[object, asyncio.Task[DatedList]] = LRUCache(4)
        self._splits: LRUCache[tuple[date, date], asyncio.Task[dict[str, tuple[Split, ...]]]] = LRUCache(16)
        self._running: set[asyncio.Task[object]] = set()

    def begin(self, first: date, as_of: date) -> tuple[asyncio.Task[object], ...]:
        """Begin to ask for the splits from `first` on and for the list, where they are not here; return who asks.

        A list that lies too far behind is asked for anew, which nobody waits for.
        """
        return self._splits_from(first, as_of), self._listing(as_of)

    async def listings(self, as_of: date) -> DatedList:
        """Return the list for a scan; raises what the source raises if there is none."""
        return await asyncio.shield(self._listing(as_of))

    async def splits(self, first: date, as_of: date | None = None) -> dict[str, tuple[Split, ...]]:
        """Return the splits executing on or after `first`, by symbol, collapsed and ascending.

        Those that execute up to as_of are all there, by default up to the newest session; later ones may lack.
        """
        return await asyncio.shield(self._splits_from(first, as_of))

    async def newest(self) -> DatedList | None:
        """Return the newest list there is; None without one."""
        found = await self._source.lists.newest()
        return found and DatedList(*found)

    async def recall(self) -> None:
        """Bring the list for a scan of the newest session into memory, if it is stored; without any call."""
        await self._kept(self._source.latest_session())

    async def refresh(self, within: int) -> DatedList:
        """Return a list that lies at most `within` sessions behind the newest one, asking for it if there is none."""
        found = await self.newest()
        if found is not None and found.age(self._source.latest_session()) <= within:
            return found
        return await asyncio.shield(self._fetching())

    def _listing(self, as_of: date) -> asyncio.Task[DatedList]:
        async def choose() -> DatedList:
            dated = await self._source.listed_on(as_of)
            if dated is not None:
                return DatedList(as_of, {listing.symbol: listing for listing in dated})
            chosen = await self._kept(as_of)
            if chosen is None:
                return await asyncio.shield(self._fetching())
            if chosen.age(as_of) > STALE_SESSIONS:
                await self._refresh_if_stale()
            return chosen

        return self._once(self._chosen, (self._source.latest_session(), as_of), choose)

    async def _kept(self, as_of: date) -> DatedList | None:
        """Return the list that counts for a session, of those that are here; None without any."""
        lists = self._source.lists
        found = await lists.newest(before=as_of) or await lists.oldest()
        return found and DatedList(*found)

    async def _refresh_if_stale(self) -> None:
        """Begin to ask for a list if the newest one lies too far behind."""
        newest = await self.newest()
        if newest is None or newest.age(self._source.latest_session()) > STALE_SESSIONS:
            self._fetching()

    def _fetching(self) -> asyncio.Task[DatedList]:
        return self._once(self._fetched, self._source.latest_session(), self._fetch)

    async def _fetch(self) -> DatedList:
        listings = await self._source.listings()
        return DatedList(*await self._source.lists.keep(listings, self._source.latest_session))

    def _splits_from(self, first: date, as_of: date | None) -> asyncio.Task[dict[str, tuple[Split, ...]]]:
        latest = self._source.latest_session()
        known = min(as_of or latest, latest)

        async def fetch() -> dict[str, tuple[Split, ...]]:
            splits = by_symbol(await self._source.splits(first, known))
            # Sessions before may have been read without what is listed now: they say the same as after a restart.
            for key in [key for key in self._splits if key[0] < known]:
                del self._splits[key]
            return splits

        return self._once(self._splits, (known, first), fetch)

    def _once(
        self,
        cache: MutableMapping[K, asyncio.Task[T]],
        key: K,
        fetch: Callable[[], Coroutine[None, None, T]],
    ) -> asyncio.Task[T]:
        """Return the one task for `key`; it outlives those who wait for it, and a failure is not remembered."""
        task = cache.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.create_task(fetch(), name=f"reference {key}")
            self._running.add(task)
            task.add_done_callback(self._ended)
            cache[key] = task
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        """Take a task off the list; those who wait are told of its error, and nobody may be waiting."""
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            structlog.get_logger().warning("reference_failed", what=task.get_name(), error=str(error))

    async def close(self) -> None:
        """Cancel what is still being asked for, and wait for its end."""
        tasks = tuple(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
