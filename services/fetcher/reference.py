"""The reference list and the splits: asked for once per newest session, shared by all who need them."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import date
from typing import TypeVar

from cachetools import TTLCache

from services.fetcher.source import Listing
from services.fetcher.stored_source import StoredSource
from services.market.adjust import Split, by_symbol

TTL_S = 4 * 3600
"""Seconds that an answer is taken as current even if no new session has come."""

T = TypeVar("T")


class Reference:
    """Remembers the source's reference list and splits; one call at a time for each, whoever waits."""

    def __init__(self, source: StoredSource) -> None:
        self._source = source
        self._listings: TTLCache[object, asyncio.Task[dict[str, Listing]]] = TTLCache(maxsize=4, ttl=TTL_S)
        self._splits: TTLCache[object, asyncio.Task[dict[str, tuple[Split, ...]]]] = TTLCache(maxsize=16, ttl=TTL_S)

    def begin(self, first: date) -> tuple[asyncio.Task[object], ...]:
        """Begin to ask for the splits from `first` on and for the list, if they are not here; return who asks."""
        return self._splits_from(first), self._listing()

    async def listings(self) -> dict[str, Listing]:
        """Return the reference list by symbol; raises what the source raises."""
        return await asyncio.shield(self._listing())

    async def splits(self, first: date) -> dict[str, tuple[Split, ...]]:
        """Return the splits executing on or after `first`, by symbol, collapsed and ascending."""
        return await asyncio.shield(self._splits_from(first))

    async def kept_listings(self) -> tuple[date, dict[str, Listing]] | None:
        """Return the newest list in the store, and which session was the newest one then; None without one."""
        kept = await self._source.kept_listings()
        return kept and (kept[0], {listing.symbol: listing for listing in kept[1]})

    def _listing(self) -> asyncio.Task[dict[str, Listing]]:
        return _once(self._listings, self._source.latest_session(), self._fetch_listings)

    def _splits_from(self, first: date) -> asyncio.Task[dict[str, tuple[Split, ...]]]:
        async def fetch() -> dict[str, tuple[Split, ...]]:
            return by_symbol(await self._source.splits(first))

        return _once(self._splits, (self._source.latest_session(), first), fetch)

    async def _fetch_listings(self) -> dict[str, Listing]:
        return {listing.symbol: listing for listing in await self._source.listings()}

    async def close(self) -> None:
        """Cancel what is still being asked for."""
        tasks = [*self._listings.values(), *self._splits.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _once(
    cache: TTLCache[object, asyncio.Task[T]], key: object, fetch: Callable[[], Coroutine[None, None, T]]
) -> asyncio.Task[T]:
    """Return the one task for `key`; it outlives those who wait for it, and a failure is not remembered."""
    task = cache.get(key)
    if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
        task = asyncio.create_task(fetch())
        # Those who wait are told of a failure; with nobody waiting it is no news.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        cache[key] = task
    return task
