"""SIGTERM with a scan in flight: not ready at once, an answer with what is there, exit code 0 within ten seconds."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.gateway.closing import ANSWER_S, Closing, ClosingError
from services.market.errors import ServiceUnavailableError
from services.rpc.channel import open_channel
from services.rpc.serve import DRAIN_S
from services.rpc.status import from_call
from services.simulator.market import Market
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import gateway_service_pb2_grpc
from tests.system.conftest import Scan, simulated
from tests.system.replicas import Fleet, fleet_of

LIMIT_S = 10.0
"""Seconds from the signal to the exit."""
SLOW = {"FETCHER_CALLS_PER_SECOND": "1"}
"""Settings by which a cold scan of 300 sessions takes five minutes."""


@pytest.fixture(scope="module")
async def fleet(market: Market, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    async with (
        simulated(market) as url,
        fleet_of(tmp_path_factory.mktemp("fleet"), url, {}, SLOW) as made,
    ):
        yield made


async def begin(stub: gateway_service_pb2_grpc.GatewayServiceStub, taken: Scan) -> "asyncio.Task[None]":
    """Begin a scan, and return once it is under way."""
    under_way = asyncio.Event()

    async def scan() -> None:
        async for event in stub.ScanUniverse(pb.ScanUniverseRequest(budget=Duration(seconds=60)), timeout=80):
            taken.take(event)
            if event.progress.total_count and taken.accepted.scan_id:
                under_way.set()

    task = asyncio.create_task(scan())
    async with asyncio.timeout(20):
        await under_way.wait()
    return task


@pytest.mark.system
async def test_a_gateway_that_is_told_to_stop_answers_with_what_it_has(fleet: Fleet) -> None:
    gateway, taken = fleet.replicas["gateway"][0], Scan()
    async with open_channel(gateway.address) as channel:
        scan = await begin(gateway_service_pb2_grpc.GatewayServiceStub(channel), taken)
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        states = [(await watch.read()).status]
        stopping = asyncio.create_task(gateway.stop())
        states.append((await watch.read()).status)
        assert not scan.done()
        watch.cancel()
        await scan
        code, seconds = await stopping
    await gateway.start()
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert states == [serving, not_serving]
    assert any("the gateway was told to stop" in notice for notice in taken.result.notices)
    assert taken.result.budget_spent
    assert taken.result.requested_count == taken.result.scored_count + taken.result.omitted_count
    assert code == 0
    assert seconds <= LIMIT_S


@pytest.mark.system
async def test_services_that_are_told_to_stop_hand_back_what_they_cannot_finish(fleet: Fleet) -> None:
    taken, stopped = Scan(), [fleet.replicas[name][0] for name in ("fetcher", "scorer", "inference")]
    async with open_channel(fleet.replicas["gateway"][0].address) as channel:
        scan = await begin(gateway_service_pb2_grpc.GatewayServiceStub(channel), taken)
        ends = await asyncio.gather(*(replica.stop() for replica in stopped))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await scan
    error = from_call(raised.value, "gateway")
    assert isinstance(error, ServiceUnavailableError)
    assert "cannot be reached" in error.message
    assert [code for code, _ in ends] == [0, 0, 0]
    assert max(seconds for _, seconds in ends) <= LIMIT_S


async def wait_in_vain(closing: Closing) -> None:
    async with closing.bound():
        closing.begin(ANSWER_S + 0.05)
        await asyncio.wait_for(asyncio.Event().wait(), 20)


async def test_what_a_gateway_waits_for_ends_in_time_for_an_answer() -> None:
    closing, loop = Closing(), asyncio.get_running_loop()
    for _ in range(2):
        # What began before it was told, and what began after that.
        began = loop.time()
        with pytest.raises(ClosingError, match="stopping"):
            await wait_in_vain(closing)
        assert loop.time() - began < ANSWER_S


async def test_a_wait_that_is_over_is_left_alone_at_the_end() -> None:
    closing = Closing()
    async with closing.bound():
        pass
    closing.begin(0.0)
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        async with closing.bound():
            raise TimeoutError


def test_the_drain_leaves_time_to_answer_and_to_exit() -> None:
    assert ANSWER_S < DRAIN_S < LIMIT_S
