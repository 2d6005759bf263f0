"""The reference list and the splits: asked for once per newest session, shared by all who need them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import TypeVar

from cachetools import TTLCache

from services.fetcher.source import BarSource, Listing
from services.market.adjust import Split, by_symbol

TTL_S = 4 * 3600
"""Seconds that an answer is taken as current even if no new session has come."""

T = TypeVar("T")


class Reference:
    """Remembers the source's reference list and splits; one call at a time for each, whoever waits."""

    def __init__(self, source: BarSource) -> None:
        self._source = source
        self._listings: TTLCache[object, asyncio.Task[dict[str, Listing]]] = TTLCache(maxsize=4, ttl=TTL_S)
        self._splits: TTLCache[object, asyncio.Task[dict[str, tuple[Split, ...]]]] = TTLCache(maxsize=16, ttl=TTL_S)

    async def listings(self) -> dict[str, Listing]:
        """Return the reference list by symbol; raises what the source raises."""
        return await _once(self._listings, self._source.latest_session(), self._fetch_listings)

    async def splits(self, first: date) -> dict[str, tuple[Split, ...]]:
        """Return the splits executing on or after `first`, by symbol, collapsed and ascending."""

        async def fetch() -> dict[str, tuple[Split, ...]]:
            return by_symbol(await self._source.splits(first))

        return await _once(self._splits, (self._source.latest_session(), first), fetch)

    async def _fetch_listings(self) -> dict[str, Listing]:
        return {listing.symbol: listing for listing in await self._source.listings()}

    async def close(self) -> None:
        """Cancel what is still being asked for."""
        tasks = [*self._listings.values(), *self._splits.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _once(cache: TTLCache[object, asyncio.Task[T]], key: object, fetch: Callable[[], Awaitable[T]]) -> T:
    """Await the one task for `key`; it outlives a caller that is cancelled, and a failure is not remembered."""

    async def run() -> T:
        return await fetch()

    task = cache.get(key)
    if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
        task = asyncio.create_task(run())
        cache[key] = task
    return await asyncio.shield(task)
