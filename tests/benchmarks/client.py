"""A client that runs scans and notes when what came."""

import time
from dataclasses import dataclass
from typing import Any, Final

import grpc

from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import gateway_service_pb2_grpc

TIMEOUT_S: Final = 95.0


@dataclass(frozen=True, slots=True)
class TimedScan:
    """A finished scan; seconds count from the call.

    Attributes:
        first_progress_s: until the first progress message.
        first_rows_s: until the first ranked rows.
        total_s: until the result.
        result: the result itself.
    """

    first_progress_s: float
    first_rows_s: float
    total_s: float
    result: pb.ScanResult

    @property
    def stages(self) -> dict[str, float]:
        """Seconds by stage, as the gateway timed them."""
        return {timing.stage: timing.seconds for timing in self.result.timings}

    @property
    def hit_rate(self) -> float:
        """Sessions that were in memory, in percent."""
        hits = self.result.cache_hit_count
        return 100 * hits / (hits + self.result.cache_miss_count)


async def scan(channel: grpc.aio.Channel, **fields: Any) -> TimedScan:
    """Run a scan to its end.

    Raises:
        AioRpcError: it failed.
        RuntimeError: it is not whole: its figures would be those of less work.
    """
    stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
    at: dict[str, float] = {}
    result = pb.ScanResult()
    began = time.perf_counter()
    async for event in stub.ScanUniverse(pb.ScanUniverseRequest(**fields), timeout=TIMEOUT_S):
        at.setdefault(event.WhichOneof("event") or "", time.perf_counter() - began)
        if event.HasField("result"):
            result = event.result
    if result.budget_spent or not result.scored_count:
        raise RuntimeError(f"the scan as of {result.as_of} is not whole: {result.scored_count} rows")
    return TimedScan(at["progress"], at["rows"], at["result"], result)
