"""Provisional rows: what a scan shows before it is done, and how near that is to its end."""

import math
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from services.market.vocabulary import Flag
from services.simulator.market import Market
from technic.v1 import gateway_service_pb2 as pb
from tests.system.conftest import Scan, Stack, running, simulated, simulated_settings
from tests.system.test_files import replayed


def flagged(batch: pb.RowBatch) -> list[bool]:
    """Tell which rows are of too few sessions."""
    return [bool(flags & Flag.EARLY_HISTORY) for flags in batch.flags]


def overlap(preview: pb.RowBatch, scan: Scan) -> int:
    """Count the symbols of a preview that are final rows, too."""
    return len({*preview.symbols} & {*scan.symbols})


async def test_the_best_so_far_come_before_the_rows_and_without_alphas(stack: Stack) -> None:
    scan = await stack.scan(as_of="2025-09-26", top_count=5)
    (preview,) = scan.previews
    assert not preview.final
    assert preview.first_rank == 1
    assert len(preview.symbols) == 5
    assert list(preview.scores) == sorted(preview.scores, reverse=True)
    assert all(math.isnan(alpha) for alpha in (*preview.alpha_5, *preview.alpha_10))
    assert not any(flagged(preview))
    assert scan.order.index("accepted") < scan.order.index("rows")
    assert scan.order[-3:] == ["progress", "rows", "result"]


async def test_a_preview_has_at_most_a_hundred_rows(stack: Stack) -> None:
    scan = await stack.scan(as_of="2025-09-25", top_count=0)
    assert len(scan.previews[0].symbols) == 100 < len(scan.symbols)


async def test_a_preview_obeys_the_request(stack: Stack) -> None:
    scan = await stack.scan(as_of="2025-09-24", filters=[pb.Filter(name="rsi_14", min=50.0)], factors=["rsi_14"])
    (rsi,) = [column.values for column in scan.previews[0].factors if column.name == "rsi_14"]
    assert min(rsi) >= 50


async def test_the_newest_sessions_make_previews_while_others_are_fetched(
    stack: Stack, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.early_blocks.WORTH_S", 0.01)
    usual = await stack.scan(top_count=50)
    async with simulated(market) as url, running(tmp_path, simulated_settings(url, calls_per_second=150)) as slow:
        scan = await slow.scan(top_count=50)
    (preview,) = scan.previews
    assert all(flagged(preview))
    assert [s for s, alpha in zip(preview.symbols, preview.alpha_10, strict=True) if math.isnan(alpha)] == []
    assert not any(any(flagged(batch)) for batch in scan.rows)
    assert scan.result.result_hash == usual.result.result_hash
    assert overlap(preview, scan) >= 45


async def test_with_three_quarters_of_the_real_sessions_nine_of_ten_best_rows_are_the_final_ones(
    shared_data: Path, tmp_path: Path
) -> None:
    async with (
        replayed(shared_data / "bars_2025.parquet", shared_data / "universe.parquet") as settings,
        running(tmp_path, settings) as stack,
    ):
        stack.provider_url = settings["base_url"]
        await stack.fault({"kind": "slow", "seconds": 100, "path": "/v2/aggs/grouped", "after": 225})
        partial = await stack.scan(top_count=50, budget=Duration(seconds=8))
        await stack.fault()
        whole = await stack.scan(top_count=50)
    assert 210 <= partial.result.sessions_ready <= 225
    assert (partial.result.budget_spent, whole.result.budget_spent) == (True, False)
    assert all(flagged(partial.rows[0]))
    assert overlap(partial.rows[0], whole) >= 45
