"""Who is scanned, and who is left out before anything is fetched."""

from dataclasses import replace

import pytest

from services.gateway.request import ScanRequest
from services.gateway.selection import Filter, Selection
from services.gateway.universe import Attributes, Coverage, Listing, choose, resolve, unfiltered
from services.market.errors import InvalidRequestError
from services.market.omission import Omission
from services.market.vocabulary import DEFAULT_TYPES, Reason, SymbolType

WHOLE = ScanRequest((), DEFAULT_TYPES, "", 90.0, 100, "none", include_ledger=False, factors=())
ANY = replace(WHOLE, types=frozenset(SymbolType))
LISTING = Listing(
    as_of="2025-09-30",
    provider="simulated",
    simulated=True,
    attributes={
        "SPY": Attributes(type=SymbolType.ETF),
        "BIG": Attributes(type=SymbolType.COMMON),
        "BRK.B": Attributes(type=SymbolType.COMMON),
        "ODD": Attributes(type=SymbolType.UNKNOWN),
        "ADR": Attributes(type=SymbolType.ADR),
    },
    request_total=0,
    hit_count=0,
)


def test_the_whole_list_is_the_default_types_most_liquid_first() -> None:
    universe = choose(WHOLE, LISTING)
    assert universe.symbols == ("BIG", "BRK.B", "ODD", "ADR")
    assert universe.requested_count == 4


def test_given_symbols_are_found_in_any_spelling_once_and_ordered_by_liquidity() -> None:
    universe = choose(replace(ANY, symbols=("ADR", "BRK-B", "BRK/B", "SPY")), LISTING)
    assert universe.symbols == ("SPY", "BRK.B", "ADR")
    assert universe.requested_count == 3


def test_unlisted_symbols_are_left_to_the_fetcher_in_a_fixed_order() -> None:
    universe = choose(replace(ANY, symbols=("ZZZ", "YYY", "BIG")), LISTING)
    assert universe.symbols == ("BIG", "YYY", "ZZZ")


def test_what_can_be_no_symbol_is_omitted_at_once() -> None:
    universe = choose(replace(ANY, symbols=("BIG", "../etc/passwd", "A B", "x" * 40)), LISTING)
    assert universe.symbols == ("BIG",)
    assert universe.omissions == tuple(
        Omission(symbol, Reason.UNKNOWN_SYMBOL) for symbol in ("../etc/passwd", "A B", "x" * 40)
    )


def test_a_symbol_that_the_list_has_is_one_however_it_looks() -> None:
    listing = replace(LISTING, attributes={"BAC^B": Attributes(type=SymbolType.PREFERRED)})
    for spelled in ("BAC^B", "BAC.PRB"):
        assert choose(replace(ANY, symbols=(spelled,)), listing).symbols == ("BAC^B",)


def test_given_symbols_of_other_types_are_omitted_by_name() -> None:
    universe = choose(replace(WHOLE, symbols=("BIG", "SPY")), LISTING)
    assert universe.symbols == ("BIG",)
    assert universe.omissions == (Omission("SPY", Reason.FILTERED_TYPE, filter="type", attribute="ETF"),)
    assert universe.requested == ("BIG", "SPY")
    assert universe.requested_count == 2


def test_coverage_counts_what_is_known_of_every_requested_symbol() -> None:
    attributes = {
        "FULL": Attributes("Full Inc", SymbolType.COMMON, "Finance", 1e9, "XNYS", "Major Banks"),
        "BARE": Attributes("Bare Inc"),
        "FUND": Attributes("Fund", SymbolType.ETF, exchange="ARCX"),
    }
    listing = replace(LISTING, attributes=attributes)
    assert choose(WHOLE, listing).coverage == Coverage(2, 1, 1, 1, 1, 1)
    named = replace(WHOLE, symbols=("FULL", "FUND", "NOSUCH"))
    assert choose(named, listing).coverage == Coverage(3, 2, 2, 1, 1, 1)


def test_attributes_are_taken_in_any_case_as_the_list_spells_them() -> None:
    attributes = {"A": Attributes(exchange="XNYS", sector="Odd Things", industry="Oil"), "B": Attributes()}
    listing = replace(LISTING, attributes=attributes)
    asked = replace(
        WHOLE, selection=Selection(exchanges=("xnys",), sectors=("odd things", "HEALTH CARE"), industries=("OIL",))
    )
    assert resolve(asked, listing).selection == Selection(
        exchanges=("XNYS",), sectors=("Odd Things", "Health Care"), industries=("Oil",)
    )
    assert resolve(WHOLE, listing) is WHOLE


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        (Selection(sectors=("Finances",)), "sectors: 'Finances' is unknown; did you mean 'Finance'"),
        (Selection(industries=("Oil",)), "industries: 'Oil' is unknown; known are none"),
        (Selection(exchanges=("XNYS",)), "exchanges: 'XNYS' is unknown; known are none"),
    ],
)
def test_an_attribute_that_no_symbol_can_have_is_refused(selection: Selection, text: str) -> None:
    with pytest.raises(InvalidRequestError, match=text):
        resolve(replace(WHOLE, selection=selection), LISTING)


def test_what_is_selected_by_and_not_known_of_all_is_said() -> None:
    gaps, full = Coverage(10, 10, 9, 8, 7, 6), Coverage(10, 10, 10, 10, 10, 10)
    by_all = Selection(
        exchanges=("XNYS",), sectors=("Finance",), industries=("Oil",), filters=(Filter("market_cap", 1e9),)
    )
    assert [sentence.partition(";")[0] for sentence in unfiltered(by_all, gaps)] == [
        "the exchange is known of 9 of 10 symbols",
        "the sector is known of 8 of 10 symbols",
        "the industry is known of 6 of 10 symbols",
        "the market cap is known of 7 of 10 symbols",
    ]
    assert len(unfiltered(Selection(max_per_sector=1), gaps)) == 1
    assert unfiltered(by_all, full) == unfiltered(Selection(), gaps) == ()
