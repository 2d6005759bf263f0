"""What the fetcher needs from a source of raw bars: the port between the bar core and a provider or files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.market.adjust import Split
from services.market.vocabulary import SymbolType


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol of the reference list; empty text and NaN are unknown. The market cap is in USD."""

    symbol: str
    name: str
    type: SymbolType
    exchange: str
    sector: str
    market_cap: float
    industry: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """What only a call for the one symbol tells; empty text and NaN are unknown.

    Attributes:
        symbol: the exchange's symbol.
        type: what kind of security it is.
        exchange: as the source names it.
        sic_code: industry by the Standard Industrial Classification, four digits.
        shares: shares outstanding, other classes counted as this one where the source does so; NaN = unknown.
    """

    symbol: str
    type: SymbolType
    exchange: str
    sic_code: str
    shares: float


@dataclass(frozen=True, slots=True)
class SessionBars:
    """Raw bars of all symbols in one session.

    Attributes:
        session: the New York date.
        columns: (bar,) int32, numbers of the symbols in the source's `SymbolIndex`; without duplicates.
        bars: (field, bar) float64, fields as in `panel.FIELDS`; USD and shares, not adjusted.
        refused_count: bars that were sent but are none (not finite, price not above 0, high below low, volume below 0),
            or that cannot be true (see `validity`).
    """

    session: date
    columns: NDArray[np.int32]
    bars: NDArray[np.float64]
    refused_count: int


@dataclass(frozen=True, slots=True)
class SymbolBars:
    """Raw bars of one symbol.

    Attributes:
        symbol: the exchange's symbol.
        session_days: (session,) int32, days since 1970-01-01, ascending.
        bars: (field, session) float64, fields as in `panel.FIELDS`; USD and shares, not adjusted.
        refused_count: as in `SessionBars`.
    """

    symbol: str
    session_days: NDArray[np.int32]
    bars: NDArray[np.float64]
    refused_count: int

    def close(self, day: int) -> float | None:
        """Return the raw close of a day, counted since 1970-01-01, USD; None without a bar."""
        place = int(np.searchsorted(self.session_days, day))
        there = place < len(self.session_days) and self.session_days[place] == day
        return float(self.bars[3, place]) if there else None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a source may be asked.

    Attributes:
        plan: name of the provider's plan; empty for a source without plans.
        spacing_s: seconds from call to call at the full rate; 0 for no limit.
    """

    plan: str = ""
    spacing_s: float = 0.0

    def eta_s(self, missing_count: int, arrived_count: int, elapsed_s: float) -> float | None:
        """Estimate the seconds until missing sessions are there, a call each; None if none is, or nothing is known.

        Args:
            missing_count: sessions to come.
            arrived_count: sessions that came from the source so far, in `elapsed_s` seconds.
            elapsed_s: as long as it took.
        """
        seen_s = elapsed_s / arrived_count if arrived_count else 0.0
        # A burst at the beginning is faster than the plan.
        return missing_count * max(seen_s, self.spacing_s) or None


class BarSource(Protocol):
    """A provider, or files, of raw daily bars."""

    @property
    def name(self) -> str:
        """Name of the provider: massive, files, simulated or replay."""

    @property
    def simulated(self) -> bool:
        """Whether the bars are generated ones."""

    @property
    def request_count(self) -> int:
        """Calls made to the provider so far, retries included; 0 for files."""

    @property
    def answer_counts(self) -> Mapping[str, int]:
        """Calls made to the provider by the HTTP status of their answer, `none` for no answer; empty for files."""

    @property
    def failing(self) -> bool:
        """Whether the source is taken to be down, not merely slow: nothing will come soon."""

    @property
    def concurrency(self) -> int:
        """How many calls may be in flight."""

    @property
    def pace(self) -> Pace:
        """How fast it may be asked."""

    @property
    def repair_limit(self) -> int:
        """How many symbols without any bar may be asked for one by one in a scan; 0 for none."""

    def latest_session(self) -> date:
        """Return the newest session whose bars can be asked for."""

    def running_session(self) -> date | None:
        """Return the session that trades now, if there is one and its bars can be asked for; see `running_bars`."""

    def first_day(self) -> date | None:
        """Return the first day whose bars can be asked for; None for no limit."""

    async def listings(self) -> tuple[Listing, ...]:
        """Return the reference list, each symbol once."""

    async def listed_on(self, session: date) -> tuple[Listing, ...] | None:
        """Return the reference list of a past session, each symbol once; None if only today's can be asked for."""

    async def details(self, symbol: str) -> Details | None:
        """Return what is known of one symbol; None for an unknown one."""

    async def splits(self, first: date) -> tuple[Split, ...]:
        """Return the splits executing on or after `first`; duplicates and future ones included."""

    async def session_bars(self, session: date) -> SessionBars:
        """Return the raw bars of one session; raises a `TechnicError` when retrying did not help."""

    async def adjusted_bars(self, session: date) -> SessionBars:
        """Return the bars of one session as the source itself restates them today, or raw ones if it never does."""

    async def running_bars(self, session: date) -> SessionBars:
        """Return the raw bars so far of the running session: provisional, never to be stored.

        Raises:
            ProviderPlanError: the plan has no snapshot.
        """

    async def symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        """Return the raw bars of one symbol; empty for an unknown one."""

    async def close(self) -> None:
        """Release connections and files."""
