"""A scan through all four services, over the simulated market: what it answers, and that it answers it again."""

import asyncio
from collections.abc import Sized
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from services.gateway.messages import PLAN_COLUMNS, batch_size
from services.market.errors import InvalidRequestError, TechnicError
from services.rpc.status import from_call
from services.simulator.market import Market
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import vocabulary_pb2
from tests.system.conftest import Scan, Stack, running, simulated, simulated_settings

Reason = vocabulary_pb2.OmissionReason


def adds_up(scan: Scan) -> bool:
    """Tell whether every requested symbol has one outcome."""
    result = scan.result
    listed = [omission.symbol for omission in result.omissions]
    return (
        result.requested_count == result.scored_count + result.omitted_count
        and result.omitted_count == sum(count.count for count in result.omission_counts)
        and len(set(listed)) == len(listed)
        and set(listed).isdisjoint(scan.symbols)
    )


async def error_of(stack: Stack, **fields: Any) -> tuple[grpc.StatusCode, TechnicError]:
    """Return how a scan fails."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stack.scan(**fields)
    return raised.value.code(), from_call(raised.value, "gateway")


async def test_every_symbol_of_the_universe_has_exactly_one_outcome(stack: Stack) -> None:
    scan = await stack.scan(top_count=0, include_ledger=True)
    assert adds_up(scan)
    assert len(scan.symbols) == scan.result.scored_count
    assert len(scan.result.omissions) == scan.result.omitted_count
    assert scan.accepted.requested_count == scan.result.requested_count > 100


async def test_rows_are_ranked_and_complete(stack: Stack) -> None:
    scan = await stack.scan(top_count=0)
    scores = [score for batch in scan.rows for score in batch.scores]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 100 for score in scores)
    assert [batch.first_rank for batch in scan.rows] == [1]
    for batch in scan.rows:
        assert batch.final
        columns: list[Sized] = [
            batch.names,
            batch.types,
            batch.sectors,
            batch.scores,
            batch.tech_ratings,
            batch.signals,
        ]
        columns += [batch.signals, batch.alpha_5, batch.alpha_10, batch.closes, batch.market_caps, batch.flags]
        assert {len(column) for column in columns} == {len(batch.symbols)}
        assert np.isfinite(batch.alpha_5).all()
        assert np.isfinite(batch.closes).all()


async def test_a_scan_says_what_it_did(stack: Stack) -> None:
    result = (await stack.scan()).result
    assert (result.as_of, result.provider, result.simulated, result.profile) == (
        "2025-09-30",
        "simulated",
        True,
        "none",
    )
    assert not result.budget_spent
    assert (result.sessions_ready, result.sessions_wanted) == (300, 300)
    assert {timing.stage for timing in result.timings} == {"list", "fetch", "score", "infer", "rank", "total"}
    assert set(result.versions) == {"technic", "config", "factors", "alpha_5", "alpha_10"}
    assert result.regime.trend
    assert set(result.regime.macro) >= {"hyg_lqd_level", "vixy_return_20"}


async def test_progress_comes_first_and_the_result_last(stack: Stack) -> None:
    scan = await stack.scan()
    assert scan.order[0] == "progress"
    assert scan.order.count("accepted") == 1
    assert scan.order.index("accepted") < scan.order.index("rows")
    assert scan.order[-1] == "result"
    assert scan.order.count("result") == 1
    assert scan.progress[-1].scored_count == scan.result.scored_count


async def test_what_is_asked_of_the_provider_is_told_before_it_is(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url)) as fresh:
        cold, hot = await fresh.scan(), await fresh.scan()
    assert cold.accepted.fetch_plan.session_call_count == 300
    assert cold.accepted.fetch_plan.reason.startswith("300 missing sessions of the whole market")
    assert cold.progress[-1].cache_hit_count == 0
    assert hot.accepted.fetch_plan.session_call_count == 0
    assert hot.accepted.fetch_plan.reason == "every session that can be asked for is there"
    assert (hot.progress[0].cache_hit_count, hot.progress[-1].cache_hit_count) == (0, 300)
    assert not cold.accepted.provisional


async def test_the_same_scan_hot_gives_the_same_hash_without_a_provider_call(stack: Stack) -> None:
    first = await stack.scan(top_count=0)
    second = await stack.scan(top_count=0)
    assert second.result.result_hash == first.result.result_hash
    assert second.rows == first.rows
    assert second.result.provider_request_count == 0
    assert (second.result.cache_hit_count, second.result.cache_miss_count) == (300, 0)


async def test_nothing_new_is_neither_sent_nor_predicted_nor_judged_again(
    stack: Stack, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    symbols = [f"Q{number}" for number in range(3)]
    first = await stack.scan(top_count=0)
    whole = await stack.scan(symbols=[*first.symbols[:50], *symbols], top_count=0, include_ledger=True)
    capfd.readouterr()

    def judged_again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("services.gateway.last.judge", judged_again)
    again = await stack.scan(symbols=[*first.symbols[:50], *symbols], top_count=0, include_ledger=True)
    assert "ModelStreamInfer" not in capfd.readouterr().out
    assert again.result.result_hash == whole.result.result_hash
    assert again.rows == whole.rows
    assert again.result.regime == whole.result.regime
    assert list(again.result.omissions) == list(whole.result.omissions)
    assert again.previews == []
    assert adds_up(again)


async def test_a_cold_start_gives_the_same_hash_as_a_warm_one(stack: Stack, market: Market, tmp_path: Path) -> None:
    hot = await stack.scan()
    async with simulated(market, latency_s=0.002) as url, running(tmp_path, simulated_settings(url)) as other:
        cold = await other.scan()
    assert cold.result.result_hash == hot.result.result_hash
    assert cold.result.cache_hit_count == 0
    assert cold.result.provider_request_count >= 300


async def test_order_and_company_of_symbols_do_not_change_a_row(stack: Stack) -> None:
    whole = (await stack.scan(top_count=0)).rows[0]
    some = list(whole.symbols[5:25])
    few = (await stack.scan(symbols=some[::-1], top_count=0)).rows[0]
    assert sorted(few.symbols) == sorted(some)
    ratings = dict(zip(whole.symbols, zip(whole.tech_ratings, whole.alpha_10, whole.closes, strict=True), strict=True))
    for row, symbol in enumerate(few.symbols):
        assert (few.tech_ratings[row], few.alpha_10[row], few.closes[row]) == ratings[symbol]


async def test_unknown_symbols_are_omissions_and_spoil_nothing(stack: Stack) -> None:
    known = (await stack.scan(top_count=1)).symbols[0]
    scan = await stack.scan(symbols=["NOSUCH", known, "n/a b", "NOSUCH"], include_ledger=True)
    assert scan.symbols == [known]
    assert adds_up(scan)
    assert {omission.symbol: omission.reason for omission in scan.result.omissions} == {
        "NOSUCH": Reason.OMISSION_REASON_UNKNOWN_SYMBOL,
        "n/a b": Reason.OMISSION_REASON_UNKNOWN_SYMBOL,
    }


async def test_twenty_thousand_symbols_are_accounted_for(stack: Stack) -> None:
    scan = await stack.scan(symbols=[f"Q{number}" for number in range(20_000)])
    assert scan.result.requested_count == scan.result.omitted_count == 20_000
    assert adds_up(scan)


async def test_a_type_that_was_not_asked_for_is_an_omission(stack: Stack) -> None:
    common = [vocabulary_pb2.SYMBOL_TYPE_COMMON]
    scan = await stack.scan(symbols=["SPY"], types=common, include_ledger=True)
    (omission,) = scan.result.omissions
    assert omission.reason == Reason.OMISSION_REASON_FILTERED_TYPE
    assert (omission.filter, omission.attribute) == ("type", "ETF")


async def test_a_profile_is_applied_and_named(stack: Stack) -> None:
    scan = await stack.scan(profile="balanced", top_count=0, include_ledger=True)
    assert scan.result.profile == "balanced"
    assert adds_up(scan)
    reasons = {omission.reason for omission in scan.result.omissions if omission.HasField("value")}
    assert Reason.OMISSION_REASON_FILTERED_SCORE in reasons
    assert all(score >= 65 for batch in scan.rows for score in batch.scores)


async def test_requested_ranks_come_with_the_rows(stack: Stack) -> None:
    plain = await stack.scan(top_count=5)
    scan = await stack.scan(factors=["rs_rating", "volume_percentile_in_sector"], top_count=5)
    factors = {column.name: list(column.values) for column in scan.rows[0].factors}
    assert all(0 <= value <= 99 for value in factors["rs_rating"] if value == value)  # noqa: PLR0124  # NaN is not itself
    assert all(0 < value < 1 for value in factors["volume_percentile_in_sector"])
    assert scan.result.result_hash == plain.result.result_hash


async def test_requested_factors_come_with_the_rows(stack: Stack) -> None:
    scan = await stack.scan(factors=["rsi_14", "atr_pct_14"], top_count=3)
    factors = {column.name: list(column.values) for column in scan.rows[0].factors}
    assert {"rsi_14", "atr_pct_14", "trend_score"} <= set(factors)
    assert all(0 <= value <= 100 for value in factors["rsi_14"])


async def test_weekly_factors_come_on_request_and_change_nothing_else(stack: Stack) -> None:
    plain = await stack.scan(top_count=3)
    scan = await stack.scan(factors=["weekly_rsi_14", "weekly_sma_40"], top_count=3)
    factors = {column.name: list(column.values) for column in scan.rows[0].factors}
    assert all(0 <= value <= 100 for value in factors["weekly_rsi_14"])
    assert all(value > 0 for value in factors["weekly_sma_40"])
    assert (plain.result.sessions_wanted, scan.result.sessions_wanted) == (300, 504)
    assert scan.result.result_hash == plain.result.result_hash
    assert list(scan.rows[0].symbols) == list(plain.rows[0].symbols)
    # 2025-09-30 was a Tuesday.
    assert scan.result.week_running
    assert not plain.result.HasField("week_running")
    assert any("week of 2025-09-30 is still running" in notice for notice in scan.result.notices)


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("factor_count", [0, 82])
def test_a_batch_of_long_rows_stays_under_a_mebibyte(factor_count: int, planned: bool) -> None:  # noqa: FBT001  # a case
    count = batch_size(factor_count + (PLAN_COLUMNS if planned else 0))
    numbers = [-1.0] * count
    batch = pb.RowBatch(symbols=["ABCDEFGHIJKL"] * count, names=["N" * 100] * count, sectors=["S" * 30] * count)
    batch.factors.extend(pb.FactorColumn(name=f"factor_{n}", values=numbers) for n in range(factor_count))
    for column in (batch.scores, batch.tech_ratings, batch.alpha_5, batch.alpha_10, batch.closes, batch.market_caps):
        column.extend(numbers)
    batch.types.extend([vocabulary_pb2.SYMBOL_TYPE_COMMON] * count)
    batch.signals.extend([vocabulary_pb2.SIGNAL_LONG] * count)
    batch.flags.extend([4095] * count)
    if planned:
        batch.plans.entries.extend(numbers)
        batch.plans.stops.extend(numbers)
        batch.plans.targets.extend(numbers)
        batch.plans.shares.extend([2**62] * count)
        batch.plans.share_caps.extend([vocabulary_pb2.SHARE_CAP_ACCOUNT] * count)
        batch.plans.no_plans.extend([vocabulary_pb2.NO_PLAN_UNSPECIFIED] * count)
    assert count > 100
    assert batch.ByteSize() <= 1024 * 1024


async def test_a_past_session_is_scanned_as_of_that_session(stack: Stack) -> None:
    past = await stack.scan(as_of="2025-08-15")
    assert past.result.as_of == "2025-08-15"
    assert past.result.result_hash != (await stack.scan()).result.result_hash


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"as_of": "2025-10-01"}, "newest completed session is 2025-09-30"),
        ({"as_of": "2025-09-28"}, "the one before is 2025-09-26"),
        ({"as_of": "soon"}, "not a date"),
        ({"profile": "wild"}, "known are"),
        ({"factors": ["rsi_41"]}, "did you mean 'rsi_14'"),
        ({"factors": ["weekly_rsi_41"]}, "did you mean 'weekly_rsi_14'"),
        ({"budget": Duration(seconds=0)}, "budget"),
        ({"symbols": ["A"] * 20_001}, "at most 20000"),
    ],
)
async def test_a_request_that_cannot_be_answered_is_one_clear_error(
    stack: Stack, fields: dict[str, Any], text: str
) -> None:
    code, error = await error_of(stack, **fields)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert isinstance(error, InvalidRequestError)
    assert text in error.message


async def test_an_hour_of_budget_is_taken(stack: Stack) -> None:
    scan = await stack.scan(budget=Duration(seconds=3600))
    assert adds_up(scan)


async def test_scans_at_once_do_not_disturb_each_other(stack: Stack) -> None:
    scans = await asyncio.gather(*(stack.scan(top_count=0) for _ in range(3)))
    assert len({scan.result.result_hash for scan in scans}) == 1
    assert len({scan.result.scan_id for scan in scans}) == 3


async def test_more_scans_than_may_run_are_told_to_come_again(stack: Stack) -> None:
    outcomes = await asyncio.gather(*(stack.scan() for _ in range(12)), return_exceptions=True)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
    assert {refusal.code() for refusal in refusals} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert {from_call(refusal, "gateway").retry_after_s for refusal in refusals} == {1.0}
    assert all(adds_up(outcome) for outcome in outcomes if isinstance(outcome, Scan))
