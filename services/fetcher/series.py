"""Bars of single symbols: asked for one by one, kept in memory, and the reasons why there are none of some."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from cachetools import LRUCache

from services.fetcher.source import Listing, SymbolBars
from services.fetcher.store.stored_source import StoredSource, is_believed
from services.market.errors import MalformedAnswerError, ProviderAuthError, TechnicError
from services.market.vocabulary import Reason

SERIES_LIMIT: Final = 4_096
"""Symbols whose bars are kept in memory: 50 MB at 300 sessions."""
ABSENT_LIMIT: Final = 65_536
"""Symbols of which it is remembered that they have no bars."""

Omissions = tuple[tuple[str, Reason], ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    first: date
    last: date
    bars: SymbolBars

    def covers(self, sessions: Sequence[date]) -> bool:
        return self.first <= sessions[0] and sessions[-1] <= self.last


class SymbolSeries:
    """Remembers the raw bars of single symbols, those used last, and which symbols have none.

    Args:
        source: asked for what is not here; what its store holds takes no call.
    """

    def __init__(self, source: StoredSource) -> None:
        self._source = source
        self._kept: LRUCache[str, _Kept] = LRUCache(SERIES_LIMIT)
        # Symbols without bars, and since which session: later sessions would show them if they had traded.
        self._absent: LRUCache[str, tuple[date, date]] = LRUCache(ABSENT_LIMIT)

    def __repr__(self) -> str:
        return f"SymbolSeries({len(self._kept)} symbols)"

    def get(self, symbol: str, sessions: Sequence[date]) -> SymbolBars | None:
        """Return the bars of a symbol over the sessions and perhaps some more; None if they are not here."""
        kept = self._kept.get(symbol)
        return kept.bars if kept is not None and kept.covers(sessions) else None

    async def lacking(self, symbols: Sequence[str], sessions: Sequence[date]) -> tuple[str, ...]:
        """Return those symbols whose bars would take a call to the provider, in their order."""
        unknown = [symbol for symbol in symbols if not self._is_known(symbol, sessions)]
        stored = [await self._source.is_symbol_stored(symbol, sessions[0], sessions[-1]) for symbol in unknown]
        return tuple(symbol for symbol, there in zip(unknown, stored, strict=True) if not there)

    async def bring(
        self, symbols: Sequence[str], sessions: Sequence[date], listings: Mapping[str, Listing], until: float
    ) -> tuple[dict[str, SymbolBars], Omissions]:
        """Bring the bars of symbols here, the first ones first.

        Args:
            symbols: without duplicates.
            sessions: ascending.
            listings: the reference list, which tells symbols without bars from unknown ones.
            until: the loop's time from which on nothing is waited for.

        Returns:
            the bars of the symbols that have some in `sessions`, in their order; and the others, each with its reason.

        Raises:
            ProviderAuthError: the key is refused, so that asking for others is no use.
        """
        outcomes: dict[str, SymbolBars | Reason] = dict.fromkeys(symbols, Reason.BUDGET_SPENT)
        gate = asyncio.Semaphore(self._source.concurrency)

        async def one(symbol: str) -> None:
            async with gate:
                outcomes[symbol] = await self._outcome(symbol, sessions, listings)

        refused: ProviderAuthError | None = None
        try:
            async with asyncio.timeout_at(until), asyncio.TaskGroup() as group:
                for symbol in symbols:
                    group.create_task(one(symbol))
        except* TimeoutError:
            pass  # What is late stays BUDGET_SPENT.
        except* ProviderAuthError as errors:
            refused = next(error for error in errors.exceptions if isinstance(error, ProviderAuthError))
        if refused is not None:
            raise refused
        found = {symbol: one for symbol, one in outcomes.items() if isinstance(one, SymbolBars)}
        return found, tuple((symbol, one) for symbol, one in outcomes.items() if isinstance(one, Reason))

    def absence(self, symbol: str, listings: Mapping[str, Listing]) -> Reason:
        """Return the reason for a symbol without bars."""
        return Reason.NO_DATA if symbol in listings else Reason.UNKNOWN_SYMBOL

    def _is_known(self, symbol: str, sessions: Sequence[date]) -> bool:
        return self._is_absent(symbol, sessions) or self.get(symbol, sessions) is not None

    def _is_absent(self, symbol: str, sessions: Sequence[date]) -> bool:
        looked = self._absent.get(symbol)
        return looked is not None and is_believed(looked, (sessions[0], sessions[-1]))

    async def _outcome(
        self, symbol: str, sessions: Sequence[date], listings: Mapping[str, Listing]
    ) -> SymbolBars | Reason:
        """Bring the bars of one symbol here, and return them, or the reason if there are none."""
        if self._is_absent(symbol, sessions):
            return self.absence(symbol, listings)
        bars = self.get(symbol, sessions)
        if bars is None:
            try:
                bars = await self._source.symbol_bars(symbol, sessions[0], sessions[-1])
            except MalformedAnswerError:
                return Reason.MALFORMED_ANSWER
            except ProviderAuthError:
                raise
            except TechnicError:
                return Reason.PROVIDER_UNAVAILABLE
            self._kept[symbol] = _Kept(sessions[0], sessions[-1], bars)
        if len(bars.session_days):
            return bars
        self._absent[symbol] = sessions[0], sessions[-1]
        return self.absence(symbol, listings)
