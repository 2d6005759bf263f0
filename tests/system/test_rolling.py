"""Each service restarted, one of its two replicas after the other, while scans run: no call of a client fails."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from services.cli.answer import ScanStart, ScanStep
from services.cli.client import scan_universe
from services.cli.options import ScanRequest
from services.cli.target import Target
from services.rpc.channel import open_channel
from services.simulator.market import Market
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import gateway_service_pb2_grpc
from tests.system.conftest import Scan, simulated
from tests.system.replicas import SERVICES, Fleet, fleet_of

pytestmark = pytest.mark.system

LOOPS = 3
"""Scans at once; a gateway takes four."""
RETRIES = {
    "maxAttempts": 4,
    "initialBackoff": "0.2s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
}
CLIENT_OPTIONS = (
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": RETRIES}]})),
)
"""What docs/operations.md tells clients of two gateways to set."""


class Silent:
    """Is told how a scan goes."""

    def started(self, start: ScanStart) -> None:
        """It began."""

    def stepped(self, step: ScanStep) -> None:
        """It came further."""


@pytest.fixture(scope="module")
async def fleet(market: Market, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    async with simulated(market) as url, fleet_of(folder, url, dict.fromkeys(SERVICES, 2)) as made:
        yield made


async def scan(stub: Any) -> Scan:
    made = Scan()
    async for event in stub.ScanUniverse(pb.ScanUniverseRequest(top_count=0), timeout=60):
        made.take(event)
    return made


async def scans_while_each_restarts(fleet: Fleet, name: str, stub: Any) -> list[Scan]:
    """Scan in loops until each replica of a service was started again."""
    ended = asyncio.Event()

    async def loop() -> list[Scan]:
        made = [await scan(stub)]
        while not ended.is_set():
            made.append(await scan(stub))
        return made

    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(loop()) for _ in range(LOOPS)]
        for replica in fleet.replicas[name]:
            await replica.restart()
        ended.set()
    return [one for task in loops for one in task.result()]


@pytest.mark.parametrize("name", SERVICES)
async def test_a_rolling_restart_fails_no_scan(name: str, fleet: Fleet) -> None:
    async with grpc.aio.insecure_channel(fleet.address("gateway"), options=CLIENT_OPTIONS) as channel:
        stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        usual = await scan(stub)
        scans = await scans_while_each_restarts(fleet, name, stub)
    assert len(scans) > 2 * LOOPS
    assert {tuple(one.result.notices) for one in scans} == {tuple(usual.result.notices)}
    assert {one.result.result_hash for one in scans} == {usual.result.result_hash}


async def test_the_command_finds_the_other_gateway(fleet: Fleet) -> None:
    request = ScanRequest(symbols=("SPY",), budget_s=30.0)
    ended = asyncio.Event()

    async def loop() -> int:
        count = 0
        while not ended.is_set():
            await scan_universe(Target(fleet.address("gateway")), request, Silent())
            count += 1
        return count

    scanning = asyncio.create_task(loop())
    for replica in fleet.replicas["gateway"]:
        await replica.restart()
    ended.set()
    assert await scanning > 2


async def test_a_scorer_that_starts_again_serves_the_first_scan(fleet: Fleet) -> None:
    async with open_channel(fleet.replicas["gateway"][0].address) as channel:
        stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        usual = await scan(stub)
        for _ in range(3):
            for replica in fleet.replicas["scorer"]:
                await replica.kill()
            await asyncio.gather(*(replica.start() for replica in fleet.replicas["scorer"]))
            assert (await scan(stub)).result.result_hash == usual.result.result_hash
