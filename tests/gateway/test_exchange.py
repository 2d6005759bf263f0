"""A stream of requests whose time runs out in the middle of whatever it does."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc
from services.gateway.exchange import StreamExchange
from services.market.errors import BudgetSpentError, ServiceUnavailableError
from services.rpc.channel import open_channel

EXCHANGES = 300
LONGEST_S = 0.003
BODY = bytes(100_000)
HANG_S = 60.0


class HangingServicer(open_inference_grpc_pb2_grpc.GRPCInferenceServiceServicer):
    """Takes every request, and answers none."""

    async def ModelStreamInfer(self, requests: AsyncIterator[oip.ModelInferRequest], context: Any) -> None:  # noqa: ARG002, N802  # grpc's names
        """Read to the end, and hang."""
        async for _ in requests:
            pass
        await asyncio.sleep(HANG_S)


class DeafServicer(open_inference_grpc_pb2_grpc.GRPCInferenceServiceServicer):
    """Reads no request."""

    async def ModelStreamInfer(self, requests: AsyncIterator[oip.ModelInferRequest], context: Any) -> None:  # noqa: ARG002, N802  # grpc's names
        """Hang."""
        await asyncio.sleep(HANG_S)


@pytest.fixture(params=[HangingServicer])
async def stub(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[open_inference_grpc_pb2_grpc.GRPCInferenceServiceStub]:
    server = grpc.aio.server()
    open_inference_grpc_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(request.param(), server)
    server.add_insecure_port(f"unix:{tmp_path}/hanging")
    await server.start()
    async with open_channel(f"unix:{tmp_path}/hanging") as channel:
        yield open_inference_grpc_pb2_grpc.GRPCInferenceServiceStub(channel)
    await server.stop(None)


async def test_time_that_runs_out_while_the_loop_is_busy_is_nothing_but_that(
    stub: open_inference_grpc_pb2_grpc.GRPCInferenceServiceStub,
) -> None:
    moments = random.Random(3)  # noqa: S311 - repeatable choices
    for number in range(EXCHANGES):
        within_s = moments.uniform(0, LONGEST_S)
        exchange = StreamExchange(stub, within_s)
        await exchange.send(oip.ModelInferRequest(id=str(number), raw_input_contents=[BODY]))
        # Scans that are ranked hold the loop: gRPC knows that the time is over before the loop does.
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            pass
        with pytest.raises(BudgetSpentError, match="did not answer in time"):
            await exchange.answers()
        await exchange.cancel()


@pytest.mark.parametrize("stub", [DeafServicer], indirect=True)
async def test_a_write_that_is_given_up_is_a_failure_of_the_stream_and_no_cancel_of_who_reads_it(
    stub: open_inference_grpc_pb2_grpc.GRPCInferenceServiceStub,
) -> None:
    exchange = StreamExchange(stub, HANG_S)

    async def send_on() -> None:
        while True:
            await exchange.send(oip.ModelInferRequest(raw_input_contents=[BODY]))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await send_on()
    with pytest.raises(ServiceUnavailableError, match="broken off"):
        await exchange.answers()
    await exchange.cancel()
