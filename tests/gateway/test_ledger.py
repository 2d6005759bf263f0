"""Every requested symbol has exactly one outcome."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.ledger import Ledger, counts
from services.market.omission import Omission
from services.market.vocabulary import Reason

SYMBOLS = st.lists(st.text("ABC", min_size=1, max_size=3), unique=True, max_size=30)


@given(SYMBOLS, st.lists(st.tuples(st.text("ABC", min_size=1, max_size=3), st.sampled_from(Reason))), st.data())
def test_the_ledger_adds_up_whatever_happens(
    symbols: list[str], omitted: list[tuple[str, Reason]], data: st.DataObject
) -> None:
    ledger = Ledger(symbols)
    for symbol, reason in omitted:
        ledger.omit(Omission(symbol, reason))
    left = [symbol for symbol in symbols if symbol not in dict(omitted)]
    ranked = data.draw(st.lists(st.sampled_from(left), unique=True)) if left else []
    omissions = ledger.close(ranked)
    assert sorted([*ranked, *(omission.symbol for omission in omissions)]) == sorted(symbols)
    assert sum(counts(omissions).values()) + len(ranked) == len(symbols)
    assert [omission.symbol for omission in omissions] == sorted(omission.symbol for omission in omissions)


def test_the_first_reason_stays_and_the_rest_ran_out_of_budget() -> None:
    ledger = Ledger(["A", "B", "C"])
    ledger.omit(Omission("A", Reason.NO_DATA))
    ledger.omit(Omission("A", Reason.STALE_DATA))
    assert ledger.close(["B"]) == (Omission("A", Reason.NO_DATA), Omission("C", Reason.BUDGET_SPENT))


@pytest.mark.parametrize("ranked", [["A", "A"], ["X"], ["B"]])
def test_a_symbol_with_two_outcomes_or_none_requested_is_an_error(ranked: list[str]) -> None:
    ledger = Ledger(["A", "B"])
    ledger.omit(Omission("B", Reason.NO_DATA))
    with pytest.raises(ValueError, match="two outcomes"):
        ledger.close(ranked)


def test_omissions_are_counted_by_reason_and_filters_of_factors_by_name() -> None:
    reasons = [Reason.NO_DATA, Reason.FILTERED_PRICE, Reason.FILTERED_FACTOR, Reason.FILTERED_FACTOR]
    names = ["", "close", "rsi_14", "adx_14"]
    omissions = [
        Omission(str(n), reason, filter=name) for n, (reason, name) in enumerate(zip(reasons, names, strict=True))
    ]
    assert counts([*omissions, omissions[0]]) == {
        (Reason.NO_DATA, ""): 2,
        (Reason.FILTERED_PRICE, ""): 1,
        (Reason.FILTERED_FACTOR, "adx_14"): 1,
        (Reason.FILTERED_FACTOR, "rsi_14"): 1,
    }
