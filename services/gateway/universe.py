"""Who is scanned: the symbols of a request, or of the provider's whole list, with their attributes."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.gateway.request import ScanRequest, spelled
from services.gateway.selection import Selection
from services.market import sectors
from services.market.omission import Omission
from services.market.universe import find_symbol
from services.market.vocabulary import Reason, SymbolType

_PLAUSIBLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,20}")


class Attributes(NamedTuple):
    """What is known of a symbol; empty text and NaN are unknown. The market cap is in USD.

    A tuple and no dataclass: every scan makes 12,500 of them before anything else can begin.
    """

    name: str = ""
    type: SymbolType = SymbolType.UNKNOWN
    sector: str = ""
    market_cap: float = float("nan")
    exchange: str = ""
    industry: str = ""


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What the fetcher asks the provider for: sessions, symbols, why, and the seconds that takes at least."""

    session_count: int
    symbol_count: int
    reason: str
    least_s: float


@dataclass(frozen=True, slots=True)
class Listing:
    """The provider's list as of one session.

    Attributes:
        as_of: ISO date of the session.
        provider: name of the provider.
        simulated: whether its bars are generated.
        attributes: by symbol, most liquid first.
        request_total: the fetcher's count of provider calls when it was asked.
        hit_count: sessions of the history that were in the fetcher's memory.
        notices: what a reader should know about the list.
        provisional: whether the session is still running.
        plan: what is to be asked of the provider, as far as the list tells.
        store: name of the store that bars are kept in; empty without one.
        is_stand_in: whether the reference list did not come in time, and what traded on as_of stands in for it.
    """

    as_of: str
    provider: str
    simulated: bool
    attributes: dict[str, Attributes]
    request_total: int
    hit_count: int
    notices: tuple[str, ...] = ()
    provisional: bool = False
    plan: FetchPlan | None = None
    store: str = ""
    is_stand_in: bool = False


class Coverage(NamedTuple):
    """Of how many of the requested symbols an attribute is known."""

    symbol_count: int
    type_count: int
    exchange_count: int
    sector_count: int
    market_cap_count: int
    industry_count: int


@dataclass(frozen=True, slots=True)
class Universe:
    """The requested symbols, each exactly once: those to score, most liquid first, and those left out already.

    `coverage` tells of how many of them attributes are known.
    """

    symbols: tuple[str, ...]
    omissions: tuple[Omission, ...]
    coverage: Coverage

    @property
    def requested(self) -> tuple[str, ...]:
        """All symbols requested."""
        return (*self.symbols, *(omission.symbol for omission in self.omissions))

    @property
    def requested_count(self) -> int:
        """Number of symbols requested."""
        return len(self.symbols) + len(self.omissions)


def unfiltered(selection: Selection, known: Coverage) -> tuple[str, ...]:
    """Return a sentence for each attribute that rows are selected by and that is not known of every symbol."""
    asked = {
        "exchange": (bool(selection.exchanges), known.exchange_count),
        "sector": (bool(selection.sectors or selection.max_per_sector), known.sector_count),
        "industry": (bool(selection.industries), known.industry_count),
        "market cap": (any(it.name == "market_cap" for it in selection.filters), known.market_cap_count),
    }
    return tuple(
        f"the {name} is known of {count:,} of {known.symbol_count:,} symbols; the others stay, whatever was asked for"
        for name, (used, count) in asked.items()
        if used and count < known.symbol_count
    )


def resolve(request: ScanRequest, listing: Listing) -> ScanRequest:
    """Return the request with exchanges, sectors and industries as the list spells them.

    An empty list, none in time, says nothing against any name.

    Raises:
        InvalidRequestError: one of them is none that the list knows, or of those that industries lead to.
    """
    asked = request.selection
    if not (asked.exchanges or asked.sectors or asked.industries) or not listing.attributes:
        return request
    known = listing.attributes.values()
    exchanges = spelled("exchanges", asked.exchanges, {it.exchange for it in known})
    within = spelled("sectors", asked.sectors, {it.sector for it in known} | set(sectors.NAMES))
    industries = spelled("industries", asked.industries, {it.industry for it in known})
    found = replace(asked, exchanges=exchanges, sectors=within, industries=industries)
    return replace(request, selection=found)


def choose(request: ScanRequest, listing: Listing) -> Universe:
    """Make up the universe of a request.

    For the whole list, the requested symbols are those of the asked-for types. Given symbols are all requested, in any
    spelling: what is not of an asked-for type, or no possible symbol, is an omission. A symbol that the list lacks is
    left to the fetcher, which may find bars of it all the same. An empty list, none in time, says nothing of any type.
    """
    known = listing.attributes
    if not request.symbols:
        return _universe(tuple(symbol for symbol, it in known.items() if it.type in request.types), (), known)
    found = dict.fromkeys(find_symbol(symbol, known) or symbol for symbol in request.symbols)
    omissions: dict[str, Omission] = {}
    for symbol in found:
        kind = known.get(symbol, Attributes()).type
        if symbol not in known and not _PLAUSIBLE.fullmatch(symbol):
            omissions[symbol] = Omission(symbol, Reason.UNKNOWN_SYMBOL)
        elif known and kind not in request.types:
            omissions[symbol] = Omission(symbol, Reason.FILTERED_TYPE, filter="type", attribute=kind.name)
    listed = [symbol for symbol in known if symbol in found and symbol not in omissions]
    unlisted = sorted(symbol for symbol in found if symbol not in known and symbol not in omissions)
    return _universe((*listed, *unlisted), tuple(omissions.values()), known)


def _universe(symbols: tuple[str, ...], omissions: tuple[Omission, ...], known: Mapping[str, Attributes]) -> Universe:
    """Count what is known of the requested symbols; of one that the list lacks nothing is."""
    requested = (*symbols, *(omission.symbol for omission in omissions))
    found = [known[symbol] for symbol in requested if symbol in known]
    coverage = Coverage(
        symbol_count=len(requested),
        type_count=sum(it.type is not SymbolType.UNKNOWN for it in found),
        exchange_count=sum(it.exchange != "" for it in found),
        sector_count=sum(it.sector != "" for it in found),
        market_cap_count=sum(not math.isnan(it.market_cap) for it in found),
        industry_count=sum(it.industry != "" for it in found),
    )
    return Universe(symbols, omissions, coverage)
