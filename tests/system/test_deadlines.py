"""Every call between services has a deadline, which is no later than its caller's: noted on the way, call by call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from services.cli import health
from services.cli.store import run_status, run_sync, run_verify
from services.cli.target import Target
from services.market.sessions import sessions_ending
from services.rpc.channel import open_channel
from services.simulator.market import Market
from technic.v1 import fetcher_service_pb2, scorer_service_pb2
from technic.v1.fetcher_service_pb2_grpc import FetcherServiceStub
from technic.v1.scorer_service_pb2_grpc import ScorerServiceStub
from tests.system.conftest import Scan, Stack, running, simulated, simulated_settings
from tests.system.relay import Call, Relay, relaying

NAMES = ("fetcher", "scorer", "inference")
OF_A_SCAN = {"ListSymbols", "ModelMetadata", "ScoreUniverse", "StreamBars", "ModelStreamInfer"}
ROUNDING = 1.011
"""gRPC writes a timeout with three digits, rounded up: a deadline may come out so much later with each hop."""

LAG_S = 0.5
"""What a call may take on its way on a busy machine: its deadline begins anew where it arrives."""
GROUPED = "/v2/aggs/grouped/locale/us/market/stocks"
LAST = date(2025, 9, 30)


@dataclass
class Audited:
    """Services that reach each other through relays only."""

    stack: Stack
    relays: dict[str, Relay]

    @property
    def calls(self) -> list[Call]:
        """What came so far, to any of them."""
        return [call for relay in self.relays.values() for call in relay.calls]

    async def scan(self, **fields: Any) -> tuple[float, Scan, list[Call]]:
        """Scan; return the loop's time of the begin, the events, and the calls that it took."""
        before = len(self.calls)
        began = asyncio.get_running_loop().time()
        scan = await self.stack.scan(**fields)
        calls = [call for call in self.calls if call.scan_id == scan.result.scan_id]
        assert len(calls) == len(self.calls) - before
        return began, scan, calls


@pytest.fixture(scope="module")
async def audited(market: Market, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Audited]:
    folder = tmp_path_factory.mktemp("audited")
    async with AsyncExitStack() as exits:
        relays = {
            name: await exits.enter_async_context(relaying(f"unix:{folder}/{name}", f"unix:{folder}/before-{name}"))
            for name in NAMES
        }
        before = {f"{name}_address": relay.address for name, relay in relays.items()}
        url = await exits.enter_async_context(simulated(market))
        settings = simulated_settings(url, store_path=str(folder / "bars.sqlite3"))
        scorer = {"fetcher_address": before["fetcher_address"]}
        stack = await exits.enter_async_context(running(folder, settings, scorer=scorer, gateway=before))
        stack.provider_url = url
        yield Audited(stack, relays)


def assert_within(calls: list[Call], began: float, allowed_s: float) -> None:
    """Check that every call has a deadline within the scan's time, and StreamBars one within ScoreUniverse's."""
    assert {call.method for call in calls} == OF_A_SCAN
    for call in calls:
        assert call.left_s is not None, call
        assert call.until is not None, call
        assert call.left_s <= ROUNDING * allowed_s, call
        assert call.until <= began + ROUNDING * allowed_s + LAG_S, call
    left = {call.method: call.left_s or 0.0 for call in calls}
    assert left["StreamBars"] <= ROUNDING * left["ScoreUniverse"]


@pytest.mark.parametrize("budget_s", [2.0, 30.0, None])
async def test_no_call_of_a_scan_outlasts_its_budget_or_its_caller(budget_s: float | None, audited: Audited) -> None:
    budget = None if budget_s is None else Duration(nanos=int(budget_s % 1 * 1e9), seconds=int(budget_s))
    # Other symbols each time: what is remembered takes no call.
    some = (await audited.scan(top_count=0))[1].symbols
    began, scan, calls = await audited.scan(symbols=some[int(2 * (budget_s or 0)) % 50 :], budget=budget)
    assert scan.result.scored_count
    # The caller's own deadline is 60 s; the default budget would be 90.
    assert_within(calls, began, min(budget_s or 90.0, 60.0))


async def test_calls_that_come_late_in_a_scan_have_what_is_left_and_no_more(audited: Audited) -> None:
    # Sessions that are not there yet, of which one takes its time.
    as_of = sessions_ending(LAST, 11)[0]
    late = sessions_ending(as_of, 300)[0]
    await audited.stack.fault({"kind": "slow", "path": f"{GROUPED}/{late}", "seconds": 2.0})
    began, scan, calls = await audited.scan(as_of=str(as_of), budget=Duration(seconds=6))
    await audited.stack.fault()
    assert not scan.result.budget_spent
    assert_within(calls, began, 6.0)
    # Before, there may have been a preview.
    *_, predicting = (call for call in calls if call.method == "ModelStreamInfer")
    assert (predicting.left_s or 6.0) < 6.0 - 1.5


async def test_a_scoring_without_a_deadline_asks_for_bars_with_one(audited: Audited) -> None:
    symbols = (await audited.scan(top_count=5))[1].symbols
    async with open_channel(audited.relays["scorer"].address) as channel:
        request = scorer_service_pb2.ScoreUniverseRequest(symbols=symbols)
        async for _ in ScorerServiceStub(channel).ScoreUniverse(request):
            pass
    assert audited.relays["scorer"].calls[-1].left_s is None
    assert audited.relays["fetcher"].calls[-1].method == "StreamBars"
    assert 200 < (audited.relays["fetcher"].calls[-1].left_s or 0) <= 300 * ROUNDING


async def test_commands_about_the_store_and_health_checks_have_deadlines(audited: Audited) -> None:
    relay = audited.relays["fetcher"]
    before = len(relay.calls)
    for run in (
        lambda: run_sync(Target(relay.address), "", 300),
        lambda: run_status(Target(relay.address), 300),
        lambda: run_verify(Target(relay.address)),
        lambda: asyncio.run(health.probe(Target(relay.address), "", 5.0)),
        lambda: asyncio.run(health.becomes_serving(relay.address)),
    ):
        await asyncio.to_thread(run)
    calls = relay.calls[before:]
    assert [call.method for call in calls] == ["SyncStore", "GetStoreStatus", "VerifyStore", "Check", "Watch"]
    assert all(call.left_s is not None for call in calls)


async def test_a_warming_asks_no_other_service(audited: Audited) -> None:
    before = len(audited.calls)
    async with open_channel(f"unix:{audited.stack.folder}/fetcher") as channel:
        warmed = await FetcherServiceStub(channel).WarmCache(fetcher_service_pb2.WarmCacheRequest(), timeout=30)
    assert warmed.sessions_ready == 300
    assert len(audited.calls) == before


async def test_errors_pass_a_relay_unchanged(audited: Audited) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await audited.stack.scan(as_of="2025-09-28")
    assert "the one before is 2025-09-26" in str(raised.value.details())
