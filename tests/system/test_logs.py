"""The logs of all four services as processes: JSON lines only, and one scan's id in those of all of them."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.rpc.channel import open_channel
from services.simulator.market import Market
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import gateway_service_pb2_grpc
from tests.system.conftest import KEY, Scan, simulated
from tests.system.replicas import SERVICES, Replica, fleet_of

pytestmark = pytest.mark.system

CALLS = {
    "gateway": {"GatewayService/ScanUniverse"},
    "fetcher": {"FetcherService/ListSymbols", "FetcherService/StreamBars"},
    "scorer": {"ScorerService/ScoreUniverse"},
    "inference": {"GRPCInferenceService/ModelMetadata", "GRPCInferenceService/ModelStreamInfer"},
}
"""Calls of a scan by the service that serves them: of one message and of many."""


def lines(replica: Replica) -> list[dict[str, Any]]:
    """Return the lines of a log; each has to be a JSON object."""
    found = [json.loads(line) for line in replica.log.read_text().splitlines()]
    assert all(isinstance(line, dict) for line in found)
    return found


async def test_a_scan_can_be_followed_through_all_logs(market: Market, tmp_path: Path) -> None:
    scan = Scan()
    async with simulated(market) as url, fleet_of(tmp_path, url, {}) as fleet:
        async with open_channel(fleet.replicas["gateway"][0].address) as channel:
            stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
            async for event in stub.ScanUniverse(pb.ScanUniverseRequest(), timeout=60):
                scan.take(event)
            with pytest.raises(grpc.aio.AioRpcError):
                async for _ in stub.ScanUniverse(pb.ScanUniverseRequest(as_of="never"), timeout=60):
                    pass
            # Connections that break make gRPC talk, and killed services make others complain.
            await fleet.replicas["scorer"][0].kill()
            with pytest.raises(grpc.aio.AioRpcError):
                async for _ in stub.ScanUniverse(pb.ScanUniverseRequest(), timeout=60):
                    pass
        for name in ("gateway", "inference", "fetcher"):
            assert (await fleet.replicas[name][0].stop())[0] == 0
    for name in SERVICES:
        told = lines(fleet.replicas[name][0])
        assert all({"timestamp", "level", "service", "event"} <= set(line) for line in told)
        assert {line["service"] for line in told} == {name}
        ours = [line for line in told if line.get("scan_id") == scan.accepted.scan_id]
        assert {line["method"].rpartition(".")[2] for line in ours if "method" in line} >= CALLS[name]
        assert KEY not in fleet.replicas[name][0].log.read_text()
