"""What the user typed of filters, orders and plans, and what it means."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import options, selection
from services.gateway.selection import Filter, PlanOptions, Sort
from services.market.errors import InvalidRequestError

BELOW_30 = math.nextafter(30.0, -math.inf)
ABOVE_30 = math.nextafter(30.0, math.inf)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("rsi_14<=30", Filter("rsi_14", most=30.0)),
        ("rsi_14<30", Filter("rsi_14", most=BELOW_30)),
        (" rsi_14 > 30 ", Filter("rsi_14", least=ABOVE_30)),
        ("rsi_14>=.5", Filter("rsi_14", least=0.5)),
        ("market_cap>=1.5B", Filter("market_cap", least=1.5e9)),
        ("dollar_vol_20>=10M", Filter("dollar_vol_20", least=1e7)),
        ("volume_mean_20>=5K", Filter("volume_mean_20", least=5e3)),
        ("market_cap<=1T", Filter("market_cap", most=1e12)),
        ("atr_pct_14<=5%", Filter("atr_pct_14", most=0.05)),
        ("ret_21>=-1e-2", Filter("ret_21", least=-0.01)),
    ],
)
def test_a_bound_is_read_with_its_sign_and_unit(text: str, meant: Filter) -> None:
    assert selection.parse_filters([text]) == (meant,)


@pytest.mark.parametrize(
    "text", ["", "rsi_14", "rsi_14=30", "rsi_14<", "<30", "rsi_14<x", "1<a<2", "a<nan", "a<1X", "a b<1"]
)
def test_what_is_no_bound_is_an_error(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="--filter"):
        selection.parse_filters([text])


@given(st.text(alphabet="ab_<>=.%KMe+-0123456789 ", max_size=12))
def test_any_text_is_a_bound_or_an_error(text: str) -> None:
    try:
        (bound,) = selection.parse_filters([text])
    except InvalidRequestError:
        return
    assert (bound.least is None) != (bound.most is None)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", None),
        ("rsi_14", Sort("rsi_14")),
        ("rsi_14:desc", Sort("rsi_14")),
        ("sector:asc", Sort("sector", ascending=True)),
    ],
)
def test_an_order_is_highest_first_unless_told_otherwise(text: str, meant: Sort | None) -> None:
    assert selection.parse_sort(text) == meant


@pytest.mark.parametrize("text", ["rsi_14:up", ":asc", "a:b:asc"])
def test_what_is_no_order_is_an_error(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="--sort"):
        selection.parse_sort(text)


def test_plans_are_asked_for_by_any_of_their_flags() -> None:
    assert selection.parse_plans(asked=False, account="", risk="") is None
    assert selection.parse_plans(asked=True, account="", risk="") == PlanOptions()
    assert selection.parse_plans(asked=False, account="25K", risk="") == PlanOptions(25_000.0)
    assert selection.parse_plans(asked=False, account="", risk="1%") == PlanOptions(None, 0.01)
    with pytest.raises(InvalidRequestError, match="--risk 'some'"):
        selection.parse_plans(asked=True, account="", risk="some")


@pytest.mark.parametrize(
    ("form", "out", "meant"),
    [
        (None, None, "table"),
        ("csv", None, "csv"),
        (None, "rows.parquet", "parquet"),
        (None, "rows.JSONL", "jsonl"),
        (None, "rows.txt", "table"),
        ("json", "rows.csv", "json"),
    ],
)
def test_the_form_is_what_was_named_or_what_the_file_ends_like(
    form: options.Form | None, out: str | None, meant: str
) -> None:
    assert options.choose_form(form, Path(out) if out else None) == meant
