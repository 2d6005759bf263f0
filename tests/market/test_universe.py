"""Types of symbols and their spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.universe import MASSIVE_TYPES, find_symbol, spellings, type_by_suffix, type_of
from services.market.vocabulary import SymbolType

ROOTS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=5)
CLASSES = st.sampled_from(("", ".A", "-B", "/C", ".WS", "-WS", "/W", ".WS.A", "-U", ".UN", "/R", "-RT"))
PREFERRED = st.sampled_from(("pA", "_B", "^R", "_", ".PRC", "-PD", "/PR/E", "p", ".PR"))
SYMBOLS = st.builds(lambda root, suffix: root + suffix, ROOTS, CLASSES | PREFERRED)


@pytest.mark.parametrize(
    ("symbol", "kind"),
    [
        ("ABC.U", SymbolType.UNIT),
        ("ABC-UN", SymbolType.UNIT),
        ("ABC.WS", SymbolType.WARRANT),
        ("ABC/W", SymbolType.WARRANT),
        ("NE-WS-A", SymbolType.WARRANT),
        ("ABC-R", SymbolType.RIGHT),
        ("CELGr", SymbolType.RIGHT),
        ("ABR_D", SymbolType.PREFERRED),
        ("KIMpL", SymbolType.PREFERRED),
        ("ETI^", SymbolType.PREFERRED),
        ("BAC-PB", SymbolType.PREFERRED),
    ],
)
def test_the_suffix_tells_the_type(symbol: str, kind: SymbolType) -> None:
    assert type_by_suffix(symbol) is kind


@pytest.mark.parametrize("symbol", ["V", "TSM", "T", "BRK.B", "BRK-B", "BF/A", "GOOGL", "SNOW", "UBER", ""])
def test_common_shares_and_share_classes_have_no_telling_suffix(symbol: str) -> None:
    assert type_by_suffix(symbol) is SymbolType.UNKNOWN


def test_a_known_code_counts_before_the_suffix() -> None:
    assert type_of("CS", "ABC.U") is SymbolType.COMMON
    assert type_of("", "ABC.U") is SymbolType.UNIT
    assert type_of("A_NEW_CODE", "ABC") is SymbolType.UNKNOWN


def test_every_code_of_the_table_has_a_telling_type() -> None:
    assert SymbolType.UNKNOWN not in MASSIVE_TYPES.values()


@pytest.mark.parametrize(
    ("requested", "listed"),
    [
        ("BRK/B", "BRK.B"),
        ("BRK-B", "BRK.B"),
        ("BRK.B", "BRK-B"),
        ("AAM/W", "AAM-WS"),
        ("NE.WS.A", "NE-WS-A"),
        ("BAC-PB", "BACpB"),
        ("BAC^B", "BAC_B"),
        ("BAC_R", "BACpR"),
        ("AAPL", "AAPL"),
    ],
)
def test_a_request_in_another_spelling_finds_the_listed_symbol(requested: str, listed: str) -> None:
    assert find_symbol(requested, {listed, "ZZZ"}) == listed


def test_what_is_not_listed_is_not_found() -> None:
    assert find_symbol("BRK.B", {"BRK", "BRKB", "BRK.A", "brk.b"}) is None
    assert find_symbol("BAC_R", {"BAC.PR"}) is None


def test_an_exact_match_counts_before_other_spellings() -> None:
    assert find_symbol("ABC-WS", {"ABC.WS", "ABC-WS", "ABC.W"}) == "ABC-WS"


@given(SYMBOLS)
def test_every_spelling_finds_the_symbol_and_has_its_type(symbol: str) -> None:
    for spelling in spellings(symbol):
        assert find_symbol(spelling, {symbol}) == symbol
        assert type_by_suffix(spelling) is type_by_suffix(symbol)


@given(st.text())
def test_any_text_is_its_own_first_spelling(text: str) -> None:
    assert spellings(text)[0] == text
