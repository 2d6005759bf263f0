"""Two scorers and two inference servers behind one name, of which one dies in the middle of its answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from inference import open_inference_grpc_pb2 as oip
from inference.open_inference_grpc_pb2_grpc import (
    GRPCInferenceServiceServicer,
    GRPCInferenceServiceStub,
)
from inference.open_inference_grpc_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server as add_inference,
)
from services.gateway import __main__ as gateway
from services.gateway.settings import GatewaySettings
from services.inference import __main__ as inference
from services.inference.settings import InferenceSettings
from services.market.errors import ServiceUnavailableError
from services.rpc.channel import open_channel
from services.rpc.serve import RunningServer, ServerSpec, start
from services.scorer import __main__ as scorer
from services.scorer.settings import ScorerSettings
from technic.v1 import gateway_service_pb2_grpc, scorer_service_pb2
from technic.v1.scorer_service_pb2_grpc import ScorerServiceServicer, ScorerServiceStub
from technic.v1.scorer_service_pb2_grpc import add_ScorerServiceServicer_to_server as add_scorer
from tests.system.conftest import Stack


class DyingScorer(ScorerServiceServicer):
    """Passes on what another scorer says and, once it is mortal, dies after a number of blocks."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ScorerServiceStub(channel)
        self.blocks: int | None = None
        self.calls = self.deaths = 0

    async def ScoreUniverse(self, request: scorer_service_pb2.ScoreUniverseRequest, context: Any) -> None:  # noqa: N802
        """Begin to answer."""
        self.calls += 1
        sent, request.known_version = 0, ""
        call = self._stub.ScoreUniverse(request, timeout=context.time_remaining())
        try:
            async for event in call:
                if self.blocks is not None and (sent == self.blocks or event.HasField("summary")):
                    self.deaths += 1
                    raise ServiceUnavailableError("this scorer dies")
                sent += event.HasField("block")
                await context.write(event)
        finally:
            call.cancel()


class DyingInference(GRPCInferenceServiceServicer):
    """Describes the models of another server and, once it is mortal, dies with the first block."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = GRPCInferenceServiceStub(channel)
        self.mortal = False
        self.calls = self.deaths = 0

    async def ModelMetadata(  # noqa: N802
        self, request: oip.ModelMetadataRequest, context: Any
    ) -> oip.ModelMetadataResponse:
        """Pass on a description."""
        answer: oip.ModelMetadataResponse = await self._stub.ModelMetadata(request, timeout=context.time_remaining())
        return answer

    async def ModelStreamInfer(self, requests: AsyncIterator[oip.ModelInferRequest], context: Any) -> None:  # noqa: N802
        """Read a block, or pass all on."""
        self.calls += 1
        if self.mortal:
            await anext(requests)
            self.deaths += 1
            raise ServiceUnavailableError("this server dies")
        async for answer in self._stub.ModelStreamInfer(requests, timeout=context.time_remaining()):
            await context.write(answer)


@dataclass
class Replicas:
    """A gateway over a whole and a dying server of each kind."""

    stack: Stack
    scorer: DyingScorer
    inference: DyingInference


async def serve(exits: AsyncExitStack, spec: ServerSpec) -> RunningServer:
    """Serve until the end of a test."""
    server = await start(spec)
    exits.push_async_callback(server.kill)
    return server


async def serve_dying(exits: AsyncExitStack, register: Callable[[grpc.aio.Server], None]) -> str:
    """Serve without health or readiness; return the address."""

    async def nothing() -> None:
        pass

    return (await serve(exits, ServerSpec("dying", "127.0.0.1:0", register, (), nothing))).address


@pytest.fixture
async def replicas(stack: Stack, tmp_path: Path) -> AsyncIterator[Replicas]:
    fetcher = stack.servers["fetcher"].address
    async with AsyncExitStack() as exits:
        whole_scorer = await serve(
            exits,
            await exits.enter_async_context(
                scorer.compose(ScorerSettings(address="127.0.0.1:0", fetcher_address=fetcher))
            ),
        )
        whole_inference = await serve(
            exits, await exits.enter_async_context(inference.compose(InferenceSettings(address="127.0.0.1:0")))
        )
        dying_scorer = DyingScorer(await exits.enter_async_context(open_channel(whole_scorer.address)))
        dying_inference = DyingInference(await exits.enter_async_context(open_channel(whole_inference.address)))
        scorers = await serve_dying(exits, partial(add_scorer, dying_scorer)), whole_scorer.address
        servers = await serve_dying(exits, partial(add_inference, dying_inference)), whole_inference.address
        settings = GatewaySettings(
            address=f"unix:{tmp_path}/gateway",
            fetcher_address=fetcher,
            scorer_address=f"ipv4:{','.join(scorers)}",
            inference_address=f"ipv4:{','.join(servers)}",
        )
        running = await serve(exits, await exits.enter_async_context(gateway.compose(settings)))
        channel = await exits.enter_async_context(open_channel(running.address))
        stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        made = Replicas(Stack(tmp_path, {"gateway": running}, stub), dying_scorer, dying_inference)
        await connected(made)
        yield made


async def connected(made: Replicas) -> None:
    """Scan until each of the four servers was asked: which ones are connected first is chance."""
    async with asyncio.timeout(30):
        scans = 0
        while not (0 < made.scorer.calls < scans and 0 < made.inference.calls < scans):
            await made.stack.scan(symbols=[f"Q{scans}", "SPY"], top_count=0)
            scans += 1


@pytest.mark.parametrize("blocks", [0, 1, 100])
async def test_what_a_scorer_that_dies_did_not_give_comes_from_another_one(
    blocks: int, stack: Stack, replicas: Replicas
) -> None:
    usual = await stack.scan(top_count=0)
    replicas.scorer.blocks = blocks
    while replicas.scorer.deaths < 2:
        scan = await replicas.stack.scan(top_count=0)
        assert scan.result.result_hash == usual.result.result_hash
        assert scan.symbols == usual.symbols
        assert scan.result.regime == usual.result.regime
        assert scan.result.timings[-1].seconds < 2


async def test_what_an_inference_server_that_dies_did_not_say_another_one_does(
    stack: Stack, replicas: Replicas
) -> None:
    usual = await stack.scan(top_count=0)
    replicas.inference.mortal = True
    while replicas.inference.deaths < 2:
        # Other symbols each time, so that nothing is remembered.
        scan = await replicas.stack.scan(symbols=usual.symbols[replicas.inference.deaths :], top_count=0)
        assert not any("no alphas" in notice for notice in scan.result.notices)
        assert "alpha_5" in scan.result.versions
