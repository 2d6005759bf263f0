"""What a caller sees when something fails, runs out of time, or is cancelled: one clear error or a partial result."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from services.market import errors
from services.rpc.status import from_call
from services.simulator.market import Market
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import vocabulary_pb2
from tests.system.conftest import KEY, Scan, Stack, running, simulated, simulated_settings

BUDGET_SPENT = vocabulary_pb2.OmissionReason.OMISSION_REASON_BUDGET_SPENT
SLOW_S = 0.05
"""Latency at which a cold fill of 300 sessions, 20 at once, takes most of a second."""


async def failure(stack: Stack, request: pb.ScanUniverseRequest | None = None) -> tuple[grpc.StatusCode, str, str]:
    """Return how a scan fails: code, reason, text."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stack.scan(request)
    error = from_call(raised.value, "gateway")
    return raised.value.code(), error.reason, error.message


async def scan_and(stack: Stack, when: Callable[[pb.ScanUniverseResponse], bool], then: str) -> Scan:
    """Scan, and kill the service `then` at the first event that `when` waits for."""
    scan, done = Scan(), False
    async for event in stack.stub.ScanUniverse(pb.ScanUniverseRequest(budget=Duration(seconds=20)), timeout=30):
        scan.take(event)
        if not done and when(event):
            done = True
            await stack.kill(then)
    assert done
    return scan


def fetching(event: pb.ScanUniverseResponse) -> bool:
    """Tell whether some sessions, but not all, have come."""
    return event.progress.stage == pb.ScanProgress.STAGE_FETCH and 0 < event.progress.done_count < 250


async def test_a_wrong_key_is_unauthenticated_and_stays_secret(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url:
        settings = simulated_settings(url, MASSIVE_API_KEY=f"wrong-{KEY}")
        async with running(tmp_path, settings) as stack:
            code, reason, text = await failure(stack)
    assert (code, reason) == (grpc.StatusCode.UNAUTHENTICATED, "PROVIDER_AUTH")
    assert "key" in text
    assert KEY not in text


async def test_a_provider_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    async with running(tmp_path, simulated_settings("http://127.0.0.1:1")) as stack:
        code, reason, _ = await failure(stack, pb.ScanUniverseRequest(budget=Duration(seconds=6)))
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")


@pytest.mark.parametrize("absent", ["fetcher", "scorer"])
async def test_a_service_that_is_down_is_named(absent: str, market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url), without=(absent,)) as stack:
        code, reason, text = await failure(stack)
    assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "SERVICE_UNAVAILABLE")
    assert absent in text


async def test_without_models_a_scan_goes_on_and_says_so(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url), without=("inference",)) as stack:
        scan = await stack.scan()
    assert scan.result.scored_count > 0
    assert any("no alphas" in notice for notice in scan.result.notices)
    assert not scan.result.budget_spent


async def test_models_that_do_not_answer_cost_seconds_and_not_the_budget(market: Market, tmp_path: Path) -> None:
    # A socket that takes connections and says nothing: a server that hangs.
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(tmp_path / "inference"))
    silent.listen()
    with silent:
        async with simulated(market) as url:
            async with running(tmp_path, simulated_settings(url), without=("inference",)) as stack:
                scan = await stack.scan(budget=Duration(seconds=60))
    assert scan.result.scored_count > 0
    assert any("no alphas" in notice for notice in scan.result.notices)


@pytest.mark.parametrize("victim", ["fetcher", "scorer"])
async def test_a_service_killed_in_mid_scan_is_a_clear_error(victim: str, market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=SLOW_S) as url, running(tmp_path, simulated_settings(url)) as stack:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await scan_and(stack, fetching, victim)
        error = from_call(raised.value, "gateway")
    assert isinstance(error, errors.ServiceUnavailableError)
    assert victim in error.message


async def test_an_inference_server_killed_in_mid_scan_costs_the_alphas_only(market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=SLOW_S) as url, running(tmp_path, simulated_settings(url)) as stack:
        scan = await scan_and(stack, fetching, "inference")
    assert scan.result.scored_count > 0
    assert any("no alphas" in notice for notice in scan.result.notices)


async def test_a_budget_too_small_for_the_bars_is_a_partial_result_in_time(market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=0.2) as url, running(tmp_path, simulated_settings(url)) as stack:
        began = time.monotonic()
        scan = await stack.scan(budget=Duration(seconds=2), include_ledger=True)
        took = time.monotonic() - began
        result = scan.result
        assert took < 2 * 1.5
        assert result.budget_spent
        assert (result.scored_count, scan.symbols) == (0, [])
        assert {omission.reason for omission in result.omissions} == {BUDGET_SPENT}
        assert result.requested_count == result.omitted_count > 100
        assert 0 < result.sessions_ready < 210
        # The sync goes on after the scan, so that later ones find more and more of the bars.
        async with asyncio.timeout(30):
            while (result := (await stack.scan(budget=Duration(seconds=2))).result).budget_spent:
                pass
    assert result.sessions_ready == 300


async def test_a_budget_too_small_for_anything_is_a_clear_error(market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=0.2) as url, running(tmp_path, simulated_settings(url)) as stack:
        code, reason, text = await failure(stack, pb.ScanUniverseRequest(budget=Duration(nanos=100_000)))
    assert (code, reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "BUDGET_SPENT")
    assert "ask for more" in text


async def test_sessions_that_fail_at_first_are_asked_again(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url)) as stack:
        stack.provider_url = url
        clean = (await stack.scan()).result
        async with running(tmp_path_below(tmp_path), simulated_settings(url)) as other:
            other.provider_url = url
            await other.fault({"path": "/v2/aggs/grouped/", "kind": "status", "status": 503, "times": 5})
            faulty = (await other.scan()).result
    assert faulty.result_hash == clean.result_hash
    assert faulty.provider_request_count > clean.provider_request_count


def tmp_path_below(path: Path) -> Path:
    """Make a folder for the sockets of a second stack."""
    below = path / "second"
    below.mkdir()
    return below


async def test_a_cancelled_scan_makes_room_for_the_next_at_once(market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=SLOW_S) as url, running(tmp_path, simulated_settings(url)) as stack:
        for _ in range(12):
            call = stack.stub.ScanUniverse(pb.ScanUniverseRequest(), timeout=30)
            await call.read()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call.read()
            # Four may run at once: were one of them left behind, the later ones would be refused.
            async with asyncio.timeout(5):
                while scan_is_running():
                    await stack.stub.ScanUniverse(pb.ScanUniverseRequest(profile="none such")).code()
        assert (await stack.scan()).result.scored_count > 0


def scan_is_running() -> bool:
    """Tell whether a task of this process still works for a scan."""
    return any("GatewayServicer._scan" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def test_leaving_a_scan_half_read_ends_it(stack: Stack) -> None:
    call = stack.stub.ScanUniverse(pb.ScanUniverseRequest(), timeout=30)
    async for _ in call:
        break
    call.cancel()
    assert await call.code() == grpc.StatusCode.CANCELLED
    assert (await stack.scan()).result.scored_count > 0


SPOILERS: list[dict[str, object]] = [
    {"kind": "no_results", "times": 5},
    {"kind": "truncated_gzip", "times": 5},
    {"kind": "wrong_types", "times": 5},
    {"kind": "html", "times": 21},
    {"kind": "unordered"},
    {"kind": "unknown_fields"},
]


@pytest.mark.parametrize("told", SPOILERS, ids=lambda told: str(told["kind"]))
async def test_a_fault_that_passes_changes_no_result_and_leaves_nothing_wrong_in_the_store(
    told: dict[str, object], market: Market, tmp_path: Path
) -> None:
    hashes: list[str] = []
    async with simulated(market) as url:
        for faults in ((told,), ()):
            folder = tmp_path / f"run{len(hashes)}"
            await asyncio.to_thread(folder.mkdir)
            settings = simulated_settings(url, store_path=str(tmp_path / "bars.sqlite3"))
            async with running(folder, settings) as stack:
                stack.provider_url = url
                await stack.fault(*({"path": "/v2/aggs/grouped/", **fault} for fault in faults))
                result = (await stack.scan(budget=Duration(seconds=40))).result
                assert (result.sessions_ready, result.budget_spent) == (300, False)
                hashes.append(result.result_hash)
        # The second run read what the first one stored.
        assert result.provider_request_count < 300
        await stack.fault()
        folder = tmp_path / "clean"
        await asyncio.to_thread(folder.mkdir)
        async with running(folder, simulated_settings(url)) as clean:
            hashes.append((await clean.scan()).result.result_hash)
    assert len(set(hashes)) == 1


@pytest.mark.parametrize(
    ("told", "code", "reason"),
    [
        ({"kind": "status", "status": 401, "after": 50}, grpc.StatusCode.UNAUTHENTICATED, "PROVIDER_AUTH"),
        ({"kind": "too_early"}, grpc.StatusCode.PERMISSION_DENIED, "PROVIDER_PLAN"),
    ],
    ids=["401 in mid-scan", "403 too early"],
)
async def test_a_refusal_in_mid_scan_is_told_at_once(
    told: dict[str, object], code: grpc.StatusCode, reason: str, market: Market, tmp_path: Path
) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url)) as stack:
        stack.provider_url = url
        await stack.fault({"path": "/v2/aggs/grouped/", **told})
        began = time.monotonic()
        found, why, _ = await failure(stack, pb.ScanUniverseRequest(budget=Duration(seconds=30)))
        assert (found, why) == (code, reason)
        assert time.monotonic() - began < 15
        await stack.fault()
        assert (await stack.scan(budget=Duration(seconds=30))).result.scored_count > 0
