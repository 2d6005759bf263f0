"""Asks a service whether it is ready, by the standard gRPC health protocol; exit codes are grpc_health_probe's."""

from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.cli.target import Target
from services.rpc.channel import open_channel
from services.rpc.status import why_unreachable

SERVING: Final = 0
CONNECTION_FAILED: Final = 2
CALL_FAILED: Final = 3
NOT_SERVING: Final = 4
WATCH_S: Final = 60.0
"""Seconds after which a server that is still not ready is asked anew."""


async def probe(target: Target, service: str, timeout_s: float) -> tuple[int, str]:
    """Ask once.

    Args:
        target: the server.
        service: full name of a service; empty for the server as a whole.
        timeout_s: seconds to wait for the answer, connecting included.

    Returns:
        One of the codes of this module, and a sentence, or the status that the server told.
    """
    address = target.address
    async with target.open(with_token=False) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            connected = channel.get_state() == grpc.ChannelConnectivity.READY
            if error.code() == grpc.StatusCode.UNAVAILABLE or not connected:
                return CONNECTION_FAILED, f"{address} cannot be reached: {why_unreachable(error)}"
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return CALL_FAILED, f"{address} has no service {service!r}"
            return CALL_FAILED, f"{address} did not answer the health check: {error.code().name}"
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return (SERVING if status == "SERVING" else NOT_SERVING), status


async def becomes_serving(address: str) -> bool:
    """Wait until the server at `address` is ready; False if it cannot be reached, goes away or takes too long."""
    async with open_channel(address) as channel:
        call = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=WATCH_S)
        try:
            async for answer in call:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return True
        except grpc.aio.AioRpcError:
            return False
        finally:
            call.cancel()
    return False
