"""The fetch plan across whole scans: a few symbols, a provider that is down, and what the result says of it."""

import asyncio
import time
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from services.rpc.channel import open_channel
from services.simulator.market import Market
from technic.v1 import fetcher_service_pb2 as fetcher_pb
from technic.v1 import fetcher_service_pb2_grpc
from tests.system.conftest import Stack, running, simulated, simulated_settings
from tests.system.test_store import below, sync

DAY_BEFORE = "2025-09-29T20:00"


async def stats(stack: Stack) -> fetcher_pb.GetCacheStatsResponse:
    """Ask what is in memory."""
    async with open_channel(f"unix:{stack.folder}/fetcher") as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        found: fetcher_pb.GetCacheStatsResponse = await stub.GetCacheStats(fetcher_pb.GetCacheStatsRequest())
        return found


async def test_a_few_symbols_take_a_few_calls_and_give_the_same_result(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path=None, home=tmp_path / "home")
        async with running(below(tmp_path, "one"), settings) as stack:
            stack.provider_url = url
            best = (await stack.scan(top_count=0)).symbols
            symbols = sorted(best)[:3]
            whole = await stack.scan(symbols=symbols, top_count=0, include_ledger=True)
        async with running(below(tmp_path, "two"), simulated_settings(url)) as stack:
            stack.provider_url = url
            before = (await stack.calls())["counts"]
            few = await stack.scan(symbols=symbols, top_count=0, include_ledger=True)
            again = await stack.scan(symbols=symbols, top_count=0, include_ledger=True)
            after = (await stack.calls())["counts"]
    # The newest session, and the first one as the provider adjusts it.
    assert after["grouped"] == before.get("grouped", 0) + 2
    assert few.result.scored_count == len(symbols)
    assert few.result.result_hash == again.result.result_hash == whole.result.result_hash
    assert few.result.fetch_plan.symbol_call_count == len(symbols) + 8
    assert few.result.fetch_plan.reason == "11 symbols one by one, not 299 sessions of the whole market"
    assert few.result.sessions_ready == 300
    assert (again.result.provider_request_count, again.result.fetch_plan.symbol_call_count) == (0, 0)
    assert not few.result.budget_spent
    assert whole.result.fetch_plan.reason == "every session that can be asked for is there"


async def test_the_memory_tells_what_it_holds_and_how_often_it_was_asked(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url)) as stack:
        empty = await stats(stack)
        await stack.scan()
        result = (await stack.scan()).result
        found = await stats(stack)
    assert (empty.session_count, empty.memory_hit_count, empty.miss_count) == (0, 0, 0)
    assert found.session_count == 300
    assert 0 < found.byte_count <= found.byte_limit
    assert found.memory_hit_count >= 300
    assert found.memory_hit_count + found.store_hit_count + found.miss_count == 600
    assert found.provider_request_total > 300
    assert (result.cache_hit_count, result.cache_miss_count, result.fetch_plan.session_call_count) == (300, 0, 0)


async def test_a_provider_that_is_down_costs_a_session_of_freshness_and_says_so(market: Market, tmp_path: Path) -> None:
    store = {"store_path": str(tmp_path / "bars.sqlite3")}
    async with simulated(market) as url:
        async with running(below(tmp_path, "one"), simulated_settings(url, clock=DAY_BEFORE, **store)) as stack:
            await sync(stack)
            before = await stack.scan(top_count=0)
        async with running(below(tmp_path, "two"), simulated_settings(url, **store)) as stack:
            stack.provider_url = url
            await stack.fault({"kind": "reset"})
            began = time.monotonic()
            scan = await stack.scan(top_count=0, budget=Duration(seconds=50))
            took = time.monotonic() - began
    assert took < 25
    assert scan.result.as_of == before.result.as_of == "2025-09-29"
    notice = "the provider is failing: as of 2025-09-29, the newest session at hand, instead of 2025-09-30"
    assert notice in scan.result.notices
    assert scan.result.result_hash == before.result.result_hash
    assert scan.result.scored_count > 100


async def test_a_cold_fill_that_is_cut_off_goes_on_where_it_stopped(market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=0.1) as url:
        settings = simulated_settings(url, store_path=str(tmp_path / "bars.sqlite3"))
        async with running(below(tmp_path, "one"), settings) as stack:
            stack.provider_url = url
            scan = asyncio.create_task(stack.scan())
            async with asyncio.timeout(30):
                while (await stack.calls())["counts"].get("grouped", 0) < 100:
                    await asyncio.wait((scan,), timeout=0.02)
            scan.cancel()
            await asyncio.gather(scan, return_exceptions=True)
        async with running(below(tmp_path, "two"), settings) as stack:
            result = (await stack.scan()).result
    assert result.sessions_ready == 300
    assert 40 <= result.cache_hit_count < 300
    assert result.fetch_plan.session_call_count <= 300 - result.cache_hit_count


@pytest.mark.parametrize("kind", ["no_results", "empty_page", "null_results"])
async def test_a_session_without_bars_is_asked_again_and_never_stored_as_such(
    kind: str, market: Market, tmp_path: Path
) -> None:
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path=str(tmp_path / "bars.sqlite3"))
        async with running(below(tmp_path, "one"), settings) as stack:
            stack.provider_url = url
            await stack.fault({"path": "/v2/aggs/grouped/", "kind": kind, "times": 3})
            await sync(stack)
            result = (await stack.scan()).result
        async with running(below(tmp_path, "two"), settings) as stack:
            again = (await stack.scan()).result
        async with running(below(tmp_path, "three"), simulated_settings(url)) as stack:
            clean = (await stack.scan()).result
    assert (result.sessions_ready, again.provider_request_count) == (300, 0)
    assert result.result_hash == again.result_hash == clean.result_hash
