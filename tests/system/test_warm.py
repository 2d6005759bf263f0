"""Reference lists, details and warm memory across whole scans: the same result before and after, and fewer calls."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.fetcher.reference import details_filler
from services.market.errors import BudgetSpentError
from services.rpc.channel import open_channel
from services.rpc.status import from_call
from services.simulator.market import Market
from technic.v1 import fetcher_service_pb2 as fetcher_pb
from technic.v1 import fetcher_service_pb2_grpc
from tests.system.conftest import Stack, running, simulated, simulated_settings
from tests.system.test_store import below

YESTERDAY = "2025-09-29"
TODAY = "2025-09-30"
LACKING = 3
"""Symbols that the market lists without any bar; the first scan asks for them one by one."""


def evening(day: str) -> str:
    """Return the New York time at which a day's session is over."""
    return f"{day}T20:00"


async def warm(stack: Stack, timeout_s: float = 60.0, **fields: Any) -> fetcher_pb.WarmCacheResponse:
    """Warm the fetcher of a stack."""
    async with open_channel(f"unix:{stack.folder}/fetcher") as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        answer: fetcher_pb.WarmCacheResponse = await stub.WarmCache(
            fetcher_pb.WarmCacheRequest(**fields), timeout=timeout_s
        )
        return answer


async def counts(stack: Stack) -> dict[str, int]:
    """Return the calls that the simulator answered so far, by endpoint."""
    return dict((await stack.calls())["counts"])


async def eventually(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Ask until something is so."""
    until = asyncio.get_running_loop().time() + 30
    while asyncio.get_running_loop().time() < until:
        if await is_so():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came")


async def test_a_next_session_costs_three_calls_and_no_refresh_changes_a_result(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path=str(tmp_path / "bars.sqlite3"))
        async with running(below(tmp_path, "one"), settings | {"clock": evening(YESTERDAY)}) as stack:
            yesterday = (await stack.scan(top_count=0)).result
        async with running(below(tmp_path, "two"), settings) as stack:
            stack.provider_url = url
            before = await counts(stack)
            today = (await stack.scan(top_count=0)).result
            after = await counts(stack)
            assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name)} == {
                "grouped": 2,
                "splits": 1,
            }
            await warm(stack)
            assert (await counts(stack))["tickers"] > after["tickers"]
            again = [(await stack.scan(top_count=0, as_of=day)).result for day in (YESTERDAY, TODAY)]
        async with running(below(tmp_path, "three"), settings) as stack:
            anew = [(await stack.scan(top_count=0, as_of=day)).result for day in (YESTERDAY, TODAY)]
    assert today.provider_request_count == 3
    for results in (again, anew):
        assert [result.result_hash for result in results] == [yesterday.result_hash, today.result_hash]


async def test_details_come_in_the_background_and_count_from_the_next_session_on(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UPTIME_S", "IDLE_S", "LEAST_SPACING_S"):
        monkeypatch.setattr(details_filler, name, 0.001)
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path=str(tmp_path / "bars.sqlite3"))
        filling = settings | {"clock": evening(YESTERDAY), "details": True}
        async with running(below(tmp_path, "one"), filling) as stack:
            stack.provider_url = url
            bare = (await stack.scan(top_count=0)).result

            async def some() -> bool:
                return (await counts(stack)).get("details", 0) >= 30

            await eventually(some)
        async with running(below(tmp_path, "two"), settings) as stack:
            same = (await stack.scan(top_count=0, as_of=YESTERDAY)).result
            scan = await stack.scan(top_count=0)
    assert same.result_hash == bare.result_hash
    assert same.coverage == bare.coverage
    assert (bare.coverage.sector_count, bare.coverage.market_cap_count) == (0, 0)
    assert bare.coverage.symbol_count == bare.requested_count
    assert bare.coverage.exchange_count > 0.9 * bare.requested_count
    known = scan.result.coverage
    assert known.market_cap_count >= 29
    assert known.sector_count >= 29
    sectors = {sector for batch in scan.rows for sector in batch.sectors}
    assert {"", "Technology"} < sectors
    assert max(cap for batch in scan.rows for cap in batch.market_caps if cap == cap) > 1e6  # noqa: PLR0124  # not NaN


async def test_a_warm_cache_spares_a_scan_its_sessions_splits_and_list(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url)) as stack:
        warmed = await warm(stack)
        again = await warm(stack, as_of=TODAY, history_count=300)
        result = (await stack.scan()).result
    assert (warmed.as_of, warmed.sessions_ready, warmed.sessions_wanted) == (TODAY, 300, 300)
    assert warmed.provider_request_count > 300
    assert warmed.seconds > 0
    assert again.provider_request_count == 0
    assert result.cache_hit_count == 300
    assert result.provider_request_count <= LACKING


async def test_warming_that_takes_too_long_says_so_and_goes_on(market: Market, tmp_path: Path) -> None:
    async with (
        simulated(market, latency_s=0.7) as url,
        running(tmp_path, simulated_settings(url, concurrency=100)) as stack,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await warm(stack, timeout_s=1.5)
        assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        error = from_call(raised.value, "fetcher")
        stack.provider_url = url
        before = (await counts(stack))["grouped"]
        await warm(stack)
        # One more holds the splits against the provider's own adjusted bars.
        assert (await counts(stack))["grouped"] == 301 > before
    assert isinstance(error, BudgetSpentError)
    assert "goes on" in error.message


async def test_a_session_that_is_not_over_is_refused(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url)) as stack:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await warm(stack, as_of="2025-10-01")
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_fetcher_that_stays_warms_itself_after_the_start(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url, warm_sessions=300)) as stack:
        stack.provider_url = url

        async def all_there() -> bool:
            # One more holds the splits against the provider's own adjusted bars.
            return (await counts(stack)).get("grouped", 0) == 301

        await eventually(all_there)
        result = (await stack.scan()).result
    assert result.provider_request_count <= LACKING
    assert not result.budget_spent


async def test_a_stack_that_ends_while_it_warms_leaves_nothing_behind(market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=0.1) as url:
        async with running(tmp_path, simulated_settings(url, warm_sessions=300)) as stack:
            stack.provider_url = url

            async def begun() -> bool:
                return (await counts(stack)).get("grouped", 0) > 0

            await eventually(begun)
        names = {task.get_name() for task in asyncio.all_tasks()}
    assert not names & {"warming", "details"}
    assert not any(name.startswith(("session ", "reference ")) for name in names)
