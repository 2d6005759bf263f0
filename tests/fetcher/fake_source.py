"""A source of bars made by hand: counts every question, and fails as it is told."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from services.fetcher.source import Details, Listing, Pace, SessionBars, SymbolBars
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.errors import TechnicError
from services.market.sessions import sessions_between, to_day_number
from services.market.vocabulary import SymbolType

LATEST = date(2025, 9, 30)


def listing(symbol: str) -> Listing:
    """Give a common stock of which nothing more is known."""
    return Listing(symbol, f"{symbol} Inc", SymbolType.COMMON, "XNAS", "", float("nan"))


def bar(symbol: str, session: date) -> tuple[float, float, float, float, float]:
    """Give the one true bar of a symbol in a session: open, high, low, close, volume."""
    close = 10.0 + len(symbol) + to_day_number(session) % 97 / 8
    return close - 0.5, close + 1, close - 1, close, 1000.0 * len(symbol)


@dataclass
class FakeSource:
    """Holds the bars of `traded` symbols in every session; `single` symbols come one by one only.

    Args:
        index: numbers of the symbols.
        failures: what to raise for a session or a symbol, once for each error in its list.
        corrected: what a symbol's bar of a session is multiplied with.
        hold: sessions and symbols are answered only once this is set.
    """

    index: SymbolIndex
    traded: tuple[str, ...] = ("A", "BB", "CCC")
    single: tuple[str, ...] = ()
    listed: tuple[str, ...] = ("A", "BB", "CCC")
    known_splits: tuple[Split, ...] = ()
    failures: dict[date | str, list[TechnicError]] = field(default_factory=dict)
    hold: asyncio.Event | None = None
    name: str = "simulated"
    simulated: bool = True
    failing: bool = False
    answer_counts: Counter[str] = field(default_factory=Counter)
    concurrency: int = 4
    repair_limit: int = 10
    pace: Pace = field(default_factory=Pace)
    running: date | None = None
    history_begins: date | None = None
    known_details: dict[str, Details] = field(default_factory=dict)
    restated: dict[date, SessionBars] = field(default_factory=dict)
    corrected: dict[tuple[str, date], float] = field(default_factory=dict)
    asked: Counter[object] = field(default_factory=Counter)
    order: list[date | str] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    closed: bool = False

    @property
    def request_count(self) -> int:
        """Calls so far."""
        return self.asked.total()

    def latest_session(self) -> date:
        """Return the newest session."""
        return LATEST

    def running_session(self) -> date | None:
        """Return the session that trades now."""
        return self.running

    def first_day(self) -> date | None:
        """Return the first day of the history."""
        return self.history_begins

    async def details(self, symbol: str) -> Details | None:
        """Return what was told of a symbol."""
        self.asked[f"details {symbol}"] += 1
        return self.known_details.get(symbol)

    async def adjusted_bars(self, session: date) -> SessionBars:
        """Return what was told of a session, else its raw bars."""
        self.asked["adjusted"] += 1
        return self.restated.get(session) or self._bars_of(session)

    async def running_bars(self, session: date) -> SessionBars:
        """Return the bars so far of a session."""
        self.asked["running"] += 1
        return self._bars_of(session)

    async def listed_on(self, session: date) -> None:
        """Return None: there is today's list only."""

    async def listings(self) -> tuple[Listing, ...]:
        """Return the listed symbols."""
        self.asked["listings"] += 1
        return tuple(listing(symbol) for symbol in self.listed)

    async def splits(self, first: date) -> tuple[Split, ...]:
        """Return the splits from `first` on."""
        self.asked["splits"] += 1
        return tuple(split for split in self.known_splits if split.session_day >= to_day_number(first))

    async def session_bars(self, session: date) -> SessionBars:
        """Return the traded symbols' bars."""
        self.asked[session] += 1
        self.order.append(session)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await (self.hold.wait() if self.hold else asyncio.sleep(0))
            if self.failures.get(session):
                raise self.failures[session].pop(0)
        finally:
            self.in_flight -= 1
        return self._bars_of(session)

    def _bars_of(self, session: date) -> SessionBars:
        bars = np.array([bar(symbol, session) for symbol in self.traded]).T
        bars *= np.array([self.corrected.get((symbol, session), 1.0) for symbol in self.traded])
        return SessionBars(session, self.index.add(self.traded), bars, refused_count=0)

    async def symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        """Return the bars of one symbol, if it trades or is one of the single ones."""
        self.asked[symbol] += 1
        self.order.append(symbol)
        await (self.hold.wait() if self.hold else asyncio.sleep(0))
        if self.failures.get(symbol):
            raise self.failures[symbol].pop(0)
        sessions = sessions_between(first, last) if symbol in (*self.single, *self.traded) else ()
        days = np.array([to_day_number(session) for session in sessions], np.int32)
        bars = np.array([bar(symbol, session) for session in sessions]).reshape(-1, 5).T
        return SymbolBars(symbol, days, bars, refused_count=0)

    async def close(self) -> None:
        """Take note."""
        self.closed = True
