"""What the endpoints about symbols answer from: the port, and the generated market behind it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.simulator.companies import exchange_of, industry_of, name_of
from services.simulator.listings import KINDS
from services.simulator.market import Market
from services.simulator.splits import SplitRow

_SHARES_PER_DOLLAR: Final = 120.0
_LISTED_BEFORE: Final = date(2010, 6, 1)
_COMPANIES: Final = frozenset({"CS", "ADRC"})


class Directory(Protocol):
    """The reference data of all symbols, a column each. Empty texts are not known."""

    @property
    def sessions(self) -> Sequence[date]:
        """All sessions, ascending."""

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of every column."""

    @property
    def columns(self) -> Mapping[str, int]:
        """The columns that are in the reference list, by symbol."""

    @property
    def splits(self) -> tuple[SplitRow, ...]:
        """All splits, by session ascending."""

    def listed(self, day: date) -> NDArray[np.bool_]:
        """Tell which columns are listed on a day, (column,) bool."""

    def delisted(self, day: date) -> NDArray[np.bool_]:
        """Tell which columns are no longer listed on a day, (column,) bool."""

    def last_session(self, column: int) -> date:
        """Return the last session in which a column is listed."""

    def code(self, column: int) -> str:
        """Return the vendor's type code."""

    def exchange(self, column: int) -> str:
        """Return the market identifier code of the primary exchange."""

    def name(self, column: int) -> str:
        """Return the name of the security."""

    def company_number(self, column: int) -> str:
        """Return the number (CIK) by which the company reports."""

    def details(self, column: int) -> dict[str, object]:
        """Return what only ticker details tell: listing date, industry, market cap, where known."""


class GeneratedDirectory:
    """A `Directory` of the generated market.

    Args:
        market: the market.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._listings = market.listings
        columns = {symbol: column for column, symbol in enumerate(market.listings.symbols)}
        del columns[market.listings.symbols[market.listings.unreferenced]]
        self.columns: Mapping[str, int] = columns

    @property
    def sessions(self) -> Sequence[date]:
        """All sessions, ascending."""
        return self._market.sessions

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of every column."""
        return self._listings.symbols

    @property
    def splits(self) -> tuple[SplitRow, ...]:
        """All splits, by session ascending."""
        return self._market.splits.rows

    def listed(self, day: date) -> NDArray[np.bool_]:
        """Tell which columns are listed on a day, (column,) bool."""
        return self._market.listed(day)

    def delisted(self, day: date) -> NDArray[np.bool_]:
        """Tell which columns are no longer listed on a day, (column,) bool."""
        return self._market.delisted(day)

    def last_session(self, column: int) -> date:
        """Return the last session in which a column is listed."""
        return self._market.last_session(column)

    def code(self, column: int) -> str:
        """Return the vendor's type code."""
        return KINDS[self._listings.kind[column]].code

    def exchange(self, column: int) -> str:
        """Return the market identifier code of the primary exchange."""
        return exchange_of(column, self.code(column))

    def name(self, column: int) -> str:
        """Return a name that nobody takes for a real company's."""
        return name_of(column, self.code(column))

    def company_number(self, column: int) -> str:
        """Return the number (CIK) by which a company reports; some have none."""
        return f"{9_000_000 + column:010d}" if self.code(column) in _COMPANIES and column % 20 else ""

    def details(self, column: int) -> dict[str, object]:
        """Return listing date and, for companies, industry and mostly market cap."""
        listed = self._market.first_session(column) if self._listings.first[column] else _LISTED_BEFORE
        found: dict[str, object] = {"list_date": str(listed)}
        if self.code(column) in _COMPANIES:
            code, description = industry_of(column, int(self._listings.sector[column]))
            found |= {"sic_code": code, "sic_description": description}
            if column % 50:
                capital = float(self._market.traits.dollars[column]) * _SHARES_PER_DOLLAR
                shares = round(capital / float(self._market.traits.start[column]))
                found |= {"market_cap": round(capital), "share_class_shares_outstanding": shares}
        return found
