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
from services.market.vocabulary import SymbolType
from technic.v1 import gateway_service_pb2 as pb
from tests.cli import scripted


@pytest.fixture
def report() -> ScanReport:
    return to_report(scripted.result("FINE", ledger=True), tuple(to_rows(scripted.rows())))


def document_of(report: ScanReport, *, with_ledger: bool = False) -> Any:  # JSON
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(to_json(report, with_ledger=with_ledger), parse_constant=refuse)


def drawn(report: ScanReport, *, width: int = 120, roomy: bool = True) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(draw(report, roomy=roomy))
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


def test_the_document_has_its_agreed_names(report: ScanReport) -> None:
    document = document_of(report)
    assert list(document) == [
        "scan_id", "as_of", "provider", "simulated", "provisional", "week_running", "profile", "requested_count",
        "scored_count", "omitted_count", "budget_spent", "omissions", "rows", "regime", "result_hash", "timings",
        "provider_request_count", "cache", "sessions", "versions", "coverage", "fetch_plan", "notices",
    ]  # fmt: skip
    assert document["cache"] == {"hit_count": 1, "miss_count": 299}
    assert document["sessions"] == {"ready": 300, "wanted": 300}
    assert document["coverage"] == {
        "symbol_count": 6000, "type_count": 5990, "exchange_count": 5980, "sector_count": 40, "market_cap_count": 3,
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


def test_omissions_are_counted_always_and_listed_when_asked_for(report: ScanReport) -> None:
    assert document_of(report)["omissions"] == {"counts": {"NO_DATA": 1, "FILTERED_PRICE": 1}}
    assert document_of(report, with_ledger=True)["omissions"]["list"] == [
        {"symbol": "NONE", "reason": "NO_DATA", "value": None},
        {"symbol": "CHEAP", "reason": "FILTERED_PRICE", "value": 0.5},
    ]


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
