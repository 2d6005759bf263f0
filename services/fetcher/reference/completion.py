"""Completes the reference list of a scan by what single calls told of its symbols."""

import asyncio
import math
from datetime import date

from services.fetcher.cache import SessionCache
from services.fetcher.reference.details import DetailsBook
from services.fetcher.reference.overlay import completed
from services.fetcher.reference.reference import Reference
from services.fetcher.source import Listing
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.errors import TechnicError
from services.market.sessions import to_day_number


class Completion:
    """Makes types, exchanges, sectors and market caps of details; see `complete`.

    Args:
        reference: the splits.
        index: numbers of the symbols in `cache`.
        cache: L1, for the closes.
        details: what single calls told.
    """

    def __init__(self, reference: Reference, index: SymbolIndex, cache: SessionCache, details: DetailsBook) -> None:
        self._reference = reference
        self._index = index
        self._cache = cache
        self._details = details

    @property
    def version(self) -> int:
        """Changes with what is known."""
        return self._details.version

    async def complete(
        self, as_of: date, known: dict[str, Listing], first: date, until: float
    ) -> tuple[dict[str, Listing], bool]:
        """Complete listings by the details that count for as_of.

        A market cap is shares x raw close of as_of, the shares restated for the splits since they were told; NaN
        without a bar of as_of in the cache, or without those splits.

        Args:
            as_of: a session.
            known: the listings by symbol, completed by a file already.
            first: the first day of the splits that bars will be restated for.
            until: the loop's time from which on the splits are not waited for any more.

        Returns:
            the listings, and whether the splits were there.
        """
        revisions = {symbol: one for symbol, one in self._details.as_of(as_of).items() if symbol in known}
        if not revisions:
            return known, True
        splits = await self._splits(first, as_of, until)
        closes = self._cache.gather((as_of,), self._index.add(tuple(revisions)))[3, 0].tolist()
        # A split from before the ones at hand may have changed older shares.
        oldest = math.inf if splits is None else to_day_number(first) - 1

        def complete() -> dict[str, Listing]:
            shown = known.copy()
            for (symbol, revision), close in zip(revisions.items(), closes, strict=True):
                executed = (splits or {}).get(symbol, ())
                shares = revision.shares(executed, as_of) if revision.known >= oldest else math.nan
                shown[symbol] = completed(known[symbol], revision.details, shares * close)
            return shown

        return await asyncio.to_thread(complete), splits is not None

    async def _splits(self, first: date, as_of: date, until: float) -> dict[str, tuple[Split, ...]] | None:
        """Return the splits from `first` on; None without them in time."""
        try:
            async with asyncio.timeout_at(until):
                return await self._reference.splits(first, as_of)
        except (TimeoutError, TechnicError):
            # Whoever asks for bars next is told: there are none without splits.
            return None
