"""What a scan may be asked for."""

import pytest
from google.protobuf.duration_pb2 import Duration

from services.gateway.request import ScanRequest, parse
from services.market.errors import InvalidRequestError
from services.market.vocabulary import DEFAULT_TYPES, SymbolType
from technic.v1 import gateway_service_pb2 as pb

PROFILES = ("none", "conservative", "balanced", "aggressive")


def test_an_empty_request_has_the_documented_defaults() -> None:
    assert parse(pb.ScanUniverseRequest(), PROFILES) == ScanRequest(
        symbols=(),
        types=DEFAULT_TYPES,
        as_of="",
        budget_s=90.0,
        top_count=100,
        profile="none",
        include_ledger=False,
        factors=(),
        include_running=False,
    )


def test_given_symbols_may_be_of_any_type_and_count_once() -> None:
    request = parse(pb.ScanUniverseRequest(symbols=["SPY", "AAPL", "SPY"]), PROFILES)
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
        (pb.ScanUniverseRequest.FromString(bytes([0x12, 0x01, 99])), "types: 99"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(message: pb.ScanUniverseRequest, text: str) -> None:
    with pytest.raises(InvalidRequestError, match=text):
        parse(message, PROFILES)


def test_a_running_session_may_be_asked_for() -> None:
    assert parse(pb.ScanUniverseRequest(include_running=True), PROFILES).include_running


def test_an_hour_and_zero_rows_are_possible() -> None:
    request = parse(pb.ScanUniverseRequest(budget=Duration(seconds=3600), top_count=0), PROFILES)
    assert (request.budget_s, request.top_count) == (3600.0, 0)
