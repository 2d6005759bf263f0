"""What the fetcher needs from a source of raw bars: the port between the bar core and a provider or files."""

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


@dataclass(frozen=True, slots=True)
class SessionBars:
    """Raw bars of all symbols in one session.

    Attributes:
        session: the New York date.
        columns: (bar,) int32, numbers of the symbols in the source's `SymbolIndex`; without duplicates.
        bars: (field, bar) float64, fields as in `panel.FIELDS`; USD and shares, not adjusted.
        refused_count: bars that were sent but are none (not finite, price not above 0, high below low, volume below 0).
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
    def concurrency(self) -> int:
        """How many calls may be in flight."""

    @property
    def repair_limit(self) -> int:
        """How many symbols without any bar may be asked for one by one in a scan; 0 for none."""

    def latest_session(self) -> date:
        """Return the newest session whose bars can be asked for."""

    async def listings(self) -> tuple[Listing, ...]:
        """Return the reference list, each symbol once."""

    async def splits(self, first: date) -> tuple[Split, ...]:
        """Return the splits executing on or after `first`; duplicates and future ones included."""

    async def session_bars(self, session: date) -> SessionBars:
        """Return the raw bars of one session; raises a `TechnicError` when retrying did not help."""

    async def symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        """Return the raw bars of one symbol; empty for an unknown one."""

    async def close(self) -> None:
        """Release connections and files."""
