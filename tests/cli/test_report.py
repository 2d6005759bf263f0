"""From messages to the JSON document, and to the drawn table."""

import io
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from services.cli.answer import ScanReport
from services.cli.convert import to_message, to_report, to_rows, to_step
from services.cli.options import ScanRequest
from services.cli.report import to_json
from services.cli.table import SIMULATED_LABEL, draw, print_report
from services.gateway.selection import Filter, PlanOptions, Selection, Sort
from services.market.vocabulary import SymbolType
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import vocabulary_pb2
from tests.cli import scripted


@pytest.fixture
def report() -> ScanReport:
    return to_report(scripted.result("FINE", ledger=True), tuple(to_rows(scripted.rows())))


@pytest.fixture
def traded() -> ScanReport:
    rows, shorts = tuple(to_rows(scripted.traded_rows())), tuple(to_rows(scripted.shorts()))
    return to_report(scripted.result("TRADED", ledger=False), rows, shorts)


def document_of(report: ScanReport, *, with_ledger: bool = False) -> Any:  # JSON
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(to_json(report, with_ledger=with_ledger), parse_constant=refuse)


def drawn(report: ScanReport, *, width: int = 120, roomy: bool = True, factors: tuple[str, ...] = ()) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(draw(report, factors, roomy=roomy))
    return capture.get()


def test_a_request_keeps_all_its_values_as_a_message() -> None:
    message = to_message(ScanRequest(("A",), (SymbolType.ETF,), "2025-09-30", 1.5, 0, "balanced", include_ledger=True))
    assert list(message.symbols) == ["A"]
    assert [int(kind) for kind in message.types] == [SymbolType.ETF.value]
    assert message.as_of == "2025-09-30"
    assert message.budget.ToNanoseconds() == 1_500_000_000
    assert message.HasField("top_count")
    assert message.top_count == 0
    assert message.profile == "balanced"
    assert message.include_ledger


def test_a_selection_keeps_all_its_values_as_a_message() -> None:
    selection = Selection(
        (Filter("rsi_14", 1.0), Filter("close", most=2.0)), ("X",), ("S",), ("I",), Sort("a", ascending=True), 3
    )
    request = ScanRequest(selection=selection, style="position", plans=PlanOptions(5e4), factors=("rsi_14",))
    message = to_message(request)
    assert list(message.filters) == [pb.Filter(name="rsi_14", min=1), pb.Filter(name="close", max=2)]
    assert (list(message.exchanges), list(message.sectors), message.max_per_sector) == (["X"], ["S"], 3)
    assert list(message.industries) == ["I"]
    assert message.sort == pb.Sort(name="a", ascending=True)
    assert (message.style, list(message.factors), message.include_shorts) == ("position", ["rsi_14"], False)
    assert message.plans == pb.PlanOptions(account_usd=50_000)
    assert to_message(ScanRequest(selection=Selection(include_shorts=True))).include_shorts


def test_what_was_not_asked_for_is_not_in_the_message() -> None:
    message = to_message(ScanRequest())
    assert not message.HasField("sort")
    assert not message.HasField("plans")


def test_the_document_has_its_agreed_names(report: ScanReport) -> None:
    document = document_of(report)
    assert list(document) == [
        "scan_id", "as_of", "provider", "simulated", "provisional", "week_running", "reference_list_missing",
        "profile", "style", "horizon",
        "plan_terms", "requested_count", "scored_count", "omitted_count", "budget_spent", "omissions", "rows", "shorts",
        "regime", "result_hash", "timings",
        "provider_request_count", "cache", "sessions", "versions", "coverage", "fetch_plan", "restated_symbols",
        "notices",
    ]  # fmt: skip
    assert document["cache"] == {"hit_count": 1, "miss_count": 299}
    assert document["sessions"] == {"ready": 300, "wanted": 300}
    assert document["coverage"] == {
        "symbol_count": 6000, "type_count": 5990, "exchange_count": 5980, "sector_count": 40, "market_cap_count": 3,
        "industry_count": 2,
    }  # fmt: skip
    assert document["timings"] == {"fetch": 1.25, "total": 2.0}
    assert document["regime"] == {
        "trend": "UP",
        "volatility": None,
        "macro": {"qqq_spy": 0.1, "spy_vol": None},
        "missing_symbols": ["VIXY"],
    }


def test_a_row_has_its_agreed_names(report: ScanReport) -> None:
    first, _, last = document_of(report)["rows"]
    assert first == {
        "rank": 1, "symbol": "AAA", "name": "Alpha Corporation of a Very Long Name Indeed", "type": "COMMON",
        "sector": "Technology", "score": 97.25, "tech_rating": 23.0, "signal": "STRONG_LONG", "alpha_5": 0.0123,
        "alpha_10": 0.02, "close": 1234.5, "market_cap": 1e12, "flags": [], "factors": {"trend": 3.0},
    }  # fmt: skip
    assert last["flags"] == ["STALE_DATA", "TYPE_UNKNOWN"]
    assert [last[name] for name in ("tech_rating", "signal", "alpha_5", "market_cap")] == [None] * 4
    assert last["factors"] == {"trend": None}


def test_a_plan_and_its_terms_have_their_agreed_names(traded: ScanReport) -> None:
    document = document_of(traded)
    assert (document["style"], document["horizon"]) == ("position", 10)
    assert document["plan_terms"] == {"account_usd": 10_000.0, "risk": 0.01, "target_rr": 3.0}
    first, avoided, _ = document["rows"]
    plan = {"entry": 1236.0, "stop": 1200.5, "target": 1307.0, "shares": 2, "share_cap": "RISK", "no_plan": None}
    assert first["plan"] == plan
    none = {"entry": None, "stop": None, "target": None, "shares": 0, "share_cap": None, "no_plan": "NO_SIGNAL"}
    assert avoided["plan"] == none
    assert [(row["symbol"], row["rank"]) for row in document["shorts"]] == [("DOWN", 1)]


def test_plans_of_unequal_length_are_refused() -> None:
    batch = scripted.traded_rows()
    batch.plans.shares.pop()
    with pytest.raises(ValueError, match="zip"):
        list(to_rows(batch))


def test_plans_shorts_and_factors_are_drawn_when_asked_for(report: ScanReport, traded: ScanReport) -> None:
    text = drawn(traded, factors=("trend",))
    lines = {line.split()[1]: line.split() for line in text.splitlines() if len(line.split()) > 5}
    assert lines["symbol"][-6:-1] == ["trend", "entry", "stop", "target", "shares"]
    assert lines["AAA"][-5:] == ["3", "1,236.00", "1,200.50", "1,307.00", "2"]
    assert lines["DOWN"][-5:] == ["-3", "0.4950", "0.5512", "0.3826", "1,779"]
    assert lines["BRK.B"][-6:-1] == ["0", "-", "-", "-", "-"]
    assert "short candidates" in text
    assert "plans: account 10,000 USD, risk 1.00%, R:R 3" in text
    assert "style position" in text
    plain = drawn(report)
    assert not any(word in plain for word in ("entry", "short candidates", "plans:", "style"))


def test_omissions_are_counted_always_and_listed_when_asked_for(report: ScanReport) -> None:
    assert document_of(report)["omissions"] == {"counts": {"NO_DATA": 1, "FILTERED_PRICE": 1}}
    assert document_of(report, with_ledger=True)["omissions"]["list"] == [
        {"symbol": "NONE", "reason": "NO_DATA", "value": None, "filter": None, "attribute": None, "close": None},
        {
            "symbol": "CHEAP",
            "reason": "FILTERED_PRICE",
            "value": 0.5,
            "filter": "close",
            "attribute": None,
            "close": 0.5,
        },
    ]


def test_a_filter_of_a_factor_is_a_reason_by_its_name() -> None:
    result = scripted.result("FINE", ledger=True)
    reason = vocabulary_pb2.OMISSION_REASON_FILTERED_FACTOR
    result.omission_counts.append(pb.OmissionCount(reason=reason, count=1, filter="rsi_14"))
    result.omissions.append(vocabulary_pb2.Omission(symbol="HOT", reason=reason, filter="rsi_14", value=90.0))
    report = to_report(result, ())
    assert list(report.omission_counts) == ["NO_DATA", "FILTERED_PRICE", "FILTERED_RSI_14"]
    assert report.omissions[-1].reason == "FILTERED_RSI_14"


@given(st.floats())
def test_a_number_comes_back_from_json_as_it_was_or_as_null(value: float) -> None:
    batch = scripted.rows()
    batch.scores[0] = value
    made = to_report(scripted.result("FINE", ledger=False), tuple(to_rows(batch)))
    assert document_of(made)["rows"][0]["score"] == (value if math.isfinite(value) else None)


def test_numbers_of_a_newer_gateway_name_themselves() -> None:
    batch = scripted.rows()
    batch.signals[0] = 99  # type: ignore[call-overload]  # a number that our enumeration lacks
    assert next(to_rows(batch)).signal == "SIGNAL_99"


def test_columns_of_unequal_length_are_refused() -> None:
    batch = scripted.rows()
    batch.scores.pop()
    with pytest.raises(ValueError, match="zip"):
        list(to_rows(batch))


def test_an_eta_that_is_not_known_is_none() -> None:
    assert to_step(pb.ScanProgress(stage=pb.ScanProgress.STAGE_FETCH)).eta_s is None


def test_a_simulated_market_is_said_above_and_below(report: ScanReport) -> None:
    lines = drawn(report).splitlines()
    assert SIMULATED_LABEL in lines[0]
    assert sum(SIMULATED_LABEL in line for line in lines) == 2


def test_a_real_market_has_no_such_label(report: ScanReport) -> None:
    assert SIMULATED_LABEL not in drawn(replace(report, simulated=False))


def test_the_summary_adds_up_and_tells_all(report: ScanReport) -> None:
    text = drawn(report)
    assert "5 requested = 3 scored + 2 omitted (NO_DATA 1, FILTERED_PRICE 1)" in text
    assert "trend UP, volatility unknown, missing VIXY" in text
    assert "sessions 300/300, provider calls 302, cache 1 hits 299 misses" in text
    assert "known of 6,000: type 5,990, exchange 5,980, sector 40, market cap 3" in text
    assert "fetch 1.250, total 2.000" in text
    assert "config cdcdcdcdcdcd, model alpha@1 efefefefefef, technic 0.1.0" in text
    assert "note: models did not answer" in text
    assert "ab" * 32 in text
    assert "omitted, FILTERED_PRICE: CHEAP" in text


def test_a_partial_result_is_called_partial(report: ScanReport) -> None:
    assert "partial" in drawn(replace(report, budget_spent=True))
    assert "partial" not in drawn(report)


def test_no_rows_are_said_in_words(report: ScanReport) -> None:
    assert "no rows" in drawn(replace(report, rows=()))


def test_names_of_others_are_no_markup_and_no_control(report: ScanReport) -> None:
    text = drawn(report)
    assert "[red]Evil [31" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [80, 119, 120, 200])
def test_every_symbol_score_and_flag_shows_at_any_width(report: ScanReport, width: int) -> None:
    text = drawn(report, width=width, roomy=width >= 120)
    assert max(map(len, text.splitlines())) <= width
    for shown in ("AAA", "BRK.B", "ZZZ", "97.2", "STRONG_LONG", "LOW_LIQUIDITY", "STALE_DATA"):
        assert shown in text


def test_without_a_terminal_lines_are_120_wide_and_plain(report: ScanReport) -> None:
    stream = io.StringIO()
    print_report(report, stream)
    assert "\x1b" not in stream.getvalue()
    assert max(map(len, stream.getvalue().splitlines())) <= 120
