"""A provider's list, completed by a file."""

import math

from services.fetcher.reference.overlay import completed, file_listings, overlaid
from services.fetcher.source import Details, Listing
from services.files.attributes import AttributeBook, Attributes
from services.market.vocabulary import SymbolType

NAN = math.nan
THEIRS = Listing("BRK.B", "theirs", SymbolType.COMMON, "XNYS", "", NAN)


def told(*known: Attributes) -> list[tuple[str, SymbolType, str, str]]:
    book = AttributeBook(dict(zip(("BRK-B", "T"), known, strict=False)))
    return [(one.name, one.type, one.exchange, one.sector) for one in overlaid((THEIRS,), book)]


def test_what_the_file_knows_counts_and_is_found_in_any_spelling() -> None:
    known = Attributes("ours", SymbolType.ETF, "NYSE", "Finance", 1e12)
    assert told(known) == [("ours", SymbolType.ETF, "NYSE", "Finance")]
    assert overlaid((THEIRS,), AttributeBook({"BRK-B": known}))[0].market_cap == 1e12


def test_what_the_file_does_not_know_stays() -> None:
    assert told(Attributes("", SymbolType.UNKNOWN, "", "", NAN)) == [("theirs", SymbolType.COMMON, "XNYS", "")]
    assert overlaid((THEIRS,), AttributeBook({})) == (THEIRS,)
    assert overlaid((THEIRS,), AttributeBook({"T": Attributes("x", SymbolType.ETF, "", "", 1.0)})) == (THEIRS,)


def test_a_cap_of_the_provider_stays_where_the_file_has_none() -> None:
    capped = Listing("T", "", SymbolType.COMMON, "", "", 5.0)
    book = AttributeBook({"T": Attributes("", SymbolType.UNKNOWN, "", "", NAN)})
    assert overlaid((capped,), book)[0].market_cap == 5.0


def test_an_industry_of_the_file_counts() -> None:
    book = AttributeBook({"BRK.B": Attributes("", SymbolType.UNKNOWN, "", "", NAN, industry="Insurers")})
    (listing,) = overlaid((THEIRS,), book)
    assert listing.industry == "Insurers"
    assert completed(listing, Details("BRK.B", SymbolType.COMMON, "", "", NAN), NAN).industry == "Insurers"
    assert file_listings(["BRK.B"], book)[0].industry == "Insurers"
    assert overlaid((listing,), AttributeBook({"T": Attributes("", SymbolType.ETF, "", "", NAN)})) == (listing,)


def test_a_test_issue_is_left_out() -> None:
    tests = Attributes("", SymbolType.COMMON, "", "", NAN, test_issue=True)
    assert told(tests) == []
    assert file_listings(["ZVZZT", "T"], AttributeBook({"ZVZZT": tests}))[0].symbol == "T"
