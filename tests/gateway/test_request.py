"""What a scan may be asked for."""

import math

import pytest
from google.protobuf.duration_pb2 import Duration

from services.gateway.request import ScanRequest, parse, require_names, spelled, within
from services.gateway.selection import Filter, PlanOptions, Selection, Sort
from services.market.errors import InvalidRequestError
from services.market.scoring import ScoringConfig
from services.market.vocabulary import DEFAULT_TYPES, SymbolType
from technic.v1 import gateway_service_pb2 as pb

CONFIG = ScoringConfig.load()


def test_an_empty_request_has_the_documented_defaults() -> None:
    assert parse(pb.ScanUniverseRequest(), CONFIG) == ScanRequest(
        symbols=(),
        types=DEFAULT_TYPES,
        as_of="",
        budget_s=90.0,
        top_count=100,
        profile="none",
        include_ledger=False,
        factors=(),
        include_running=False,
        style="swing",
        selection=Selection(),
        plans=None,
    )


def test_given_symbols_may_be_of_any_type_and_count_once() -> None:
    request = parse(pb.ScanUniverseRequest(symbols=["SPY", "AAPL", "SPY"]), CONFIG)
    assert request.symbols == ("SPY", "AAPL")
    assert request.types == frozenset(SymbolType)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (pb.ScanUniverseRequest(budget=Duration(seconds=0)), "budget: 0 s"),
        (pb.ScanUniverseRequest(budget=Duration(seconds=-1)), "budget: -1 s"),
        (pb.ScanUniverseRequest(budget=Duration(seconds=3601)), "at most 3600 s"),
        (pb.ScanUniverseRequest(symbols=["A"] * 20_001), "symbols: 20001 given"),
        (pb.ScanUniverseRequest(symbols=["A", ""]), "symbols: one of them is empty"),
        (pb.ScanUniverseRequest(profile="balancd"), "did you mean 'balanced'"),
        (pb.ScanUniverseRequest(profile="x"), "known are aggressive"),
        (pb.ScanUniverseRequest(top_count=-1), "top_count: -1"),
        (pb.ScanUniverseRequest(style="swings"), "style: 'swings' is unknown; did you mean 'swing'"),
        (pb.ScanUniverseRequest(max_per_sector=-1), "max_per_sector: -1"),
        (pb.ScanUniverseRequest(filters=[pb.Filter(name="rsi_14")]), "filters: 'rsi_14' has no bound"),
        (pb.ScanUniverseRequest(filters=[pb.Filter(name="rsi_14", min=2, max=1)]), "no value from 2.0 to 1.0"),
        (pb.ScanUniverseRequest(filters=[pb.Filter(name="rsi_14", min=math.nan)]), "no value from nan"),
        (pb.ScanUniverseRequest(filters=[pb.Filter(name="a", min=1)] * 101), "filters: 101 given"),
        (pb.ScanUniverseRequest(plans=pb.PlanOptions(account_usd=0)), "plans.account_usd: 0 is"),
        (pb.ScanUniverseRequest(plans=pb.PlanOptions(account_usd=1e13)), "at most 1e"),
        (pb.ScanUniverseRequest(plans=pb.PlanOptions(risk=0)), "plans.risk: 0 is"),
        (pb.ScanUniverseRequest(plans=pb.PlanOptions(risk=1.5)), "0.01 is 1 %"),
        (pb.ScanUniverseRequest(plans=pb.PlanOptions(risk=math.nan)), "plans.risk: nan"),
        (pb.ScanUniverseRequest.FromString(bytes([0x12, 0x01, 99])), "types: 99"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(message: pb.ScanUniverseRequest, text: str) -> None:
    with pytest.raises(InvalidRequestError, match=text):
        parse(message, CONFIG)


def test_a_running_session_may_be_asked_for() -> None:
    assert parse(pb.ScanUniverseRequest(include_running=True), CONFIG).include_running


def test_an_hour_and_zero_rows_are_possible() -> None:
    request = parse(pb.ScanUniverseRequest(budget=Duration(seconds=3600), top_count=0), CONFIG)
    assert (request.budget_s, request.top_count) == (3600.0, 0)


def test_a_selection_is_taken_as_it_is_asked_for() -> None:
    message = pb.ScanUniverseRequest(
        filters=[pb.Filter(name="rsi_14", max=30), pb.Filter(name="score", min=50, max=90)],
        exchanges=["XNYS", "XNYS"],
        sectors=["finance"],
        industries=["Oil"],
        sort=pb.Sort(name="rsi_14", ascending=True),
        max_per_sector=3,
        style="position",
        include_shorts=True,
        plans=pb.PlanOptions(risk=0.02),
    )
    request = parse(message, CONFIG)
    assert request.selection == Selection(
        filters=(Filter("rsi_14", None, 30.0), Filter("score", 50.0, 90.0)),
        exchanges=("XNYS",),
        sectors=("finance",),
        industries=("Oil",),
        sort=Sort("rsi_14", ascending=True),
        max_per_sector=3,
        include_shorts=True,
    )
    assert (request.style, request.plans) == ("position", PlanOptions(None, 0.02))


def test_plans_may_be_asked_for_without_saying_more() -> None:
    assert parse(pb.ScanUniverseRequest(plans=pb.PlanOptions()), CONFIG).plans == PlanOptions()


@pytest.mark.parametrize("name", ["rsi_14", "score", "market_cap", "alpha_5", "alpha_10", "close"])
def test_numbers_of_a_row_may_be_bounded_and_ordered_by(name: str) -> None:
    message = pb.ScanUniverseRequest(filters=[pb.Filter(name=name, min=1)], sort=pb.Sort(name=name))
    require_names(parse(message, CONFIG), ("rsi_14", "close"))


@pytest.mark.parametrize("name", ["symbol", "exchange", "sector", "industry"])
def test_texts_of_a_row_may_be_ordered_by_but_not_bounded(name: str) -> None:
    require_names(parse(pb.ScanUniverseRequest(sort=pb.Sort(name=name)), CONFIG), ("rsi_14",))
    bounded = pb.ScanUniverseRequest(filters=[pb.Filter(name=name, min=1)])
    with pytest.raises(InvalidRequestError, match=f"filters: '{name}' is unknown"):
        require_names(parse(bounded, CONFIG), ("rsi_14",))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (pb.ScanUniverseRequest(factors=["rsi_41"]), "factors: 'rsi_41' is unknown; did you mean 'rsi_14'"),
        (pb.ScanUniverseRequest(filters=[pb.Filter(name="markt_cap", min=1)]), "filters: .* did you mean 'market_cap'"),
        (pb.ScanUniverseRequest(sort=pb.Sort(name="simbol")), "sort: .* did you mean 'symbol'"),
        (pb.ScanUniverseRequest(sort=pb.Sort()), "sort: '' is unknown"),
    ],
)
def test_a_misspelt_number_is_told_with_the_nearest_one(message: pb.ScanUniverseRequest, text: str) -> None:
    with pytest.raises(InvalidRequestError, match=text):
        require_names(parse(message, CONFIG), ("rsi_14",))


def test_attributes_are_found_in_any_case() -> None:
    assert spelled("sectors", ["FINANCE", "Real Estate"], {"Finance", "Real Estate", ""}) == ("Finance", "Real Estate")
    with pytest.raises(InvalidRequestError, match="sectors: 'Helth' is unknown; did you mean 'Health'"):
        spelled("sectors", ["Helth"], ["Health"])
    with pytest.raises(InvalidRequestError, match="exchanges: 'XNYS' is unknown; known are none"):
        spelled("exchanges", ["XNYS"], [""])


@pytest.mark.parametrize(("left_s", "budget_s"), [(None, 10.0), (60.0, 10.0), (10.05, 9.95), (0.1, 0.05), (-1.0, 0.0)])
def test_a_budget_leaves_time_for_the_last_message_of_the_call(left_s: float | None, budget_s: float) -> None:
    request = parse(pb.ScanUniverseRequest(budget=Duration(seconds=10)), CONFIG)
    assert within(request, left_s).budget_s == pytest.approx(budget_s)
