"""Provisional rows: what a scan shows before it is done, and how near that is to its end."""

import math
from pathlib import Path

import pytest

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
    await stack.scan()
    scan = await stack.scan(top_count=5)
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
    scan = await stack.scan(top_count=0)
    assert len(scan.previews[0].symbols) == 100 < len(scan.symbols)


async def test_a_preview_obeys_the_request(stack: Stack) -> None:
    scan = await stack.scan(filters=[pb.Filter(name="rsi_14", min=50.0)], factors=["rsi_14"])
    (rsi,) = [column.values for column in scan.previews[0].factors if column.name == "rsi_14"]
    assert min(rsi) >= 50


async def test_the_newest_sessions_make_previews_while_others_are_fetched(
    stack: Stack, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.early_blocks.WORTH_S", 0.01)
    usual = await stack.scan(top_count=50)
    async with simulated(market) as url, running(tmp_path, simulated_settings(url, calls_per_second=150)) as slow:
        scan = await slow.scan(top_count=50)
    assert len(scan.previews) >= 2
    for preview in scan.previews:
        assert all(flagged(preview))
        assert [s for s, alpha in zip(preview.symbols, preview.alpha_10, strict=True) if math.isnan(alpha)] == []
    assert not any(any(flagged(batch)) for batch in scan.rows)
    assert scan.result.result_hash == usual.result.result_hash
    assert overlap(scan.previews[-1], scan) >= 45


async def test_previews_of_the_real_market_come_near_to_its_final_rows(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.early_blocks.WORTH_S", 0.01)
    async with (
        replayed(shared_data / "bars_2025.parquet", shared_data / "universe.parquet") as settings,
        running(tmp_path, settings | {"calls_per_second": 60}) as stack,
    ):
        scan = await stack.scan(top_count=50)
    assert not scan.result.budget_spent
    # The first one lacks whatever looks back a year: a third of the models' features.
    assert overlap(scan.previews[0], scan) >= 30
    assert overlap(scan.previews[-1], scan) >= 45
