"""Listings made of, or completed by, what a file knows of symbols, or what single calls told of them."""

import math
from collections.abc import Iterable

from services.fetcher.source import Details, Listing
from services.files.attributes import AttributeBook, Attributes
from services.market.sectors import sector_of
from services.market.vocabulary import SymbolType


def file_listings(symbols: Iterable[str], book: AttributeBook) -> tuple[Listing, ...]:
    """Return the listings of `symbols` by a file alone, sorted, without issues that only test the exchange."""
    described = ((symbol, book.describe(symbol)) for symbol in sorted(symbols))
    return tuple(
        Listing(symbol, known.name, known.type, known.exchange, known.sector, known.market_cap, known.industry)
        for symbol, known in described
        if not known.test_issue
    )


def overlaid(listings: tuple[Listing, ...], book: AttributeBook) -> tuple[Listing, ...]:
    """Return a provider's listings with what the file knows in place of what the provider says.

    Where the file does not know, the provider counts; a test issue by the file is left out.
    """
    if not len(book):
        return listings
    pairs = ((listing, book.get(listing.symbol)) for listing in listings)
    return tuple(_overlaid(listing, known) for listing, known in pairs if known is None or not known.test_issue)


def _overlaid(listing: Listing, known: Attributes | None) -> Listing:
    if known is None:
        return listing
    return Listing(
        symbol=listing.symbol,
        name=known.name or listing.name,
        type=listing.type if known.type is SymbolType.UNKNOWN else known.type,
        exchange=known.exchange or listing.exchange,
        sector=known.sector or listing.sector,
        market_cap=listing.market_cap if math.isnan(known.market_cap) else known.market_cap,
        industry=known.industry or listing.industry,
    )


def completed(listing: Listing, details: Details, market_cap: float) -> Listing:
    """Return a listing with the details where neither a file nor the provider's list said anything.

    Args:
        listing: overlaid already.
        details: of its symbol.
        market_cap: shares x close, USD; NaN = unknown.
    """
    return Listing(
        symbol=listing.symbol,
        name=listing.name,
        type=details.type if listing.type is SymbolType.UNKNOWN else listing.type,
        exchange=listing.exchange or details.exchange,
        sector=listing.sector or sector_of(details.sic_code),
        market_cap=market_cap if math.isnan(listing.market_cap) else listing.market_cap,
        industry=listing.industry,
    )
