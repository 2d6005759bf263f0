"""Which scored rows a request wants, in which order, and what its trade plans are sized by."""

from dataclasses import dataclass
from typing import Final

NUMBERS: Final = ("score", "market_cap", "alpha_5", "alpha_10")
"""What filters and orders may name beside the columns of the scorer and the ranks."""
TEXTS: Final = ("symbol", "exchange", "sector", "industry")
"""What orders may name beside numbers."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Bounds of a number, both inclusive; None is no bound."""

    name: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """An order by a number or a text."""

    name: str
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, in which order.

    Attributes:
        filters: all of them apply.
        exchanges: whose symbols stay; empty for all.
        sectors: whose symbols stay; empty for all.
        industries: whose symbols stay; empty for all.
        sort: None for the score: highest first, of short candidates lowest first.
        max_per_sector: rows of one sector; 0 for no bound.
        include_shorts: whether short candidates are a list of their own.
    """

    filters: tuple[Filter, ...] = ()
    exchanges: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    sort: Sort | None = None
    max_per_sector: int = 0
    include_shorts: bool = False

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """The name of the number that orders rows, if it is none that ranking has anyway."""
        return (self.sort.name,) if self.sort and self.sort.name not in TEXTS else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns and ranks that this reads, each once."""
        named = dict.fromkeys((*(it.name for it in self.filters), *self.sorted_by))
        return tuple(name for name in named if name not in NUMBERS)


EVERYTHING: Final = Selection()
"""All rows, best first."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What trade plans are sized by; None is the default.

    Attributes:
        account_usd: size of the account.
        risk: part of the account that one trade may lose.
    """

    account_usd: float | None = None
    risk: float | None = None
