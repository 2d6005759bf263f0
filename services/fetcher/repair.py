"""Repair: symbols that no session's answer had are asked for one by one, where the plan affords it."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import date

from cachetools import LRUCache

from services.fetcher.cache import SessionCache
from services.fetcher.source import Listing
from services.fetcher.stored_source import StoredSource
from services.fetcher.symbols import SymbolIndex
from services.market.errors import MalformedAnswerError, TechnicError
from services.market.vocabulary import Reason

ABSENT_LIMIT = 65_536
"""Symbols of which it is remembered that they have no bars."""


class Repair:
    """Fills L1 with the bars of single symbols, and knows which symbols have none."""

    def __init__(self, source: StoredSource, index: SymbolIndex, cache: SessionCache) -> None:
        self._source = source
        self._index = index
        self._cache = cache
        # Symbols without bars, and since which session: later sessions would show them if they had traded.
        self._absent: LRUCache[str, date] = LRUCache(ABSENT_LIMIT)

    async def run(
        self, symbols: Sequence[str], sessions: Sequence[date], listings: dict[str, Listing], until: float
    ) -> tuple[list[str], tuple[tuple[str, Reason], ...]]:
        """Ask for the bars of `symbols`; all of them or, if the plan cannot afford that, none.

        All or none, so that an answer depends on the request and the plan only, never on who asked before.

        Returns:
            the symbols that have bars in `sessions` now, and the others with their reasons.
        """
        outcomes: dict[str, Reason | None] = {symbol: _absence(symbol, listings) for symbol in symbols}
        wanted = [symbol for symbol in symbols if self._absent.get(symbol, date.max) > sessions[0]]
        if len(symbols) <= self._source.repair_limit:
            outcomes |= dict.fromkeys(wanted, Reason.BUDGET_SPENT)
            gate = asyncio.Semaphore(self._source.concurrency)
            # What is late stays BUDGET_SPENT.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until), asyncio.TaskGroup() as group:
                    for symbol in wanted:
                        group.create_task(self._one(symbol, sessions, gate, outcomes, listings))
        repaired = [symbol for symbol in symbols if outcomes[symbol] is None]
        return repaired, tuple((symbol, reason) for symbol, reason in outcomes.items() if reason is not None)

    async def _one(
        self,
        symbol: str,
        sessions: Sequence[date],
        gate: asyncio.Semaphore,
        outcomes: dict[str, Reason | None],
        listings: dict[str, Listing],
    ) -> None:
        try:
            async with gate:
                bars = await self._source.symbol_bars(symbol, sessions[0], sessions[-1])
        except MalformedAnswerError:
            outcomes[symbol] = Reason.MALFORMED_ANSWER
        except TechnicError:
            outcomes[symbol] = Reason.PROVIDER_UNAVAILABLE
        else:
            filled = self._cache.put_symbol(int(self._index.add((symbol,))[0]), bars)
            outcomes[symbol] = None if filled else _absence(symbol, listings)
            if not filled:
                self._absent[symbol] = sessions[0]


def _absence(symbol: str, listings: dict[str, Listing]) -> Reason:
    return Reason.NO_DATA if symbol in listings else Reason.UNKNOWN_SYMBOL
