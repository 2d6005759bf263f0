"""Models that hang, die or come too late cost alphas, never rows nor time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc
from services.gateway.alphas import InferenceClient
from services.gateway.clients import ScoredBlock
from services.gateway.forecast import Forecast
from services.gateway.models import Model, ModelTerms
from services.gateway.scored import NOTHING
from services.rpc.channel import open_channel

ROWS = 20_000
TERMS = ModelTerms("alpha_5")
MODEL = Model("alpha_5", TERMS, "1", "ab12", "cpu", ("rsi_14",), {"rsi_14": 1}, tells_outliers=True)
BLOCK = ScoredBlock(tuple(f"S{row}" for row in range(ROWS)), {"rsi_14": np.ones(ROWS)}, np.zeros(ROWS, np.uint32), ())
LONG_S = 60.0

Stream = Callable[[AsyncIterator[oip.ModelInferRequest], Any], Any]


class Servicer(open_inference_grpc_pb2_grpc.GRPCInferenceServiceServicer):
    """Does to the first stream, and to those after it, what a test wants."""

    def __init__(self, *streams: Stream) -> None:
        self._streams = list(streams)
        self.count = 0

    async def ModelStreamInfer(self, requests: AsyncIterator[oip.ModelInferRequest], context: Any) -> None:  # noqa: N802  # grpc's name
        """Do it."""
        stream = self._streams[min(self.count, len(self._streams) - 1)]
        self.count += 1
        await stream(requests, context)


async def hang(_: AsyncIterator[oip.ModelInferRequest], __: Any) -> None:
    """Read nothing, and answer nothing."""
    await asyncio.sleep(LONG_S)


def going(after_s: float) -> Stream:
    async def go(_: AsyncIterator[oip.ModelInferRequest], context: Any) -> None:
        await asyncio.sleep(after_s)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "going")

    return go


@asynccontextmanager
async def forecasting(tmp_path: Path, servicer: Servicer) -> AsyncIterator[Forecast]:
    server = grpc.aio.server()
    open_inference_grpc_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"unix:{tmp_path}/models")
    await server.start()
    async with open_channel(f"unix:{tmp_path}/models") as channel:
        forecast = Forecast(InferenceClient(channel, {"alpha_5": TERMS}))
        forecast.models = (MODEL,)
        yield forecast
        await forecast.close()
    await server.stop(None)


async def test_a_server_that_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    async with forecasting(tmp_path, Servicer(hang)) as forecast:
        loop = asyncio.get_running_loop()
        for _ in range(200):
            forecast.send(BLOCK, 0.5)
        began = loop.time()
        said = await forecast.finish(0.5)
        assert loop.time() - began < 0.5 + LONG_S / 10
    assert said is NOTHING
    assert forecast.models == ()
    assert "no alphas" in forecast.notices[0]


async def test_the_second_try_has_what_the_first_one_left_of_the_time(tmp_path: Path) -> None:
    servicer = Servicer(going(1.2), hang)
    async with forecasting(tmp_path, servicer) as forecast:
        loop = asyncio.get_running_loop()
        forecast.send(BLOCK, 2.0)
        began = loop.time()
        assert await forecast.finish(2.0) is NOTHING
        assert loop.time() - began < 1.2 + 1.9
    assert servicer.count == 2


async def test_models_that_were_given_up_are_not_waited_for(tmp_path: Path) -> None:
    async with forecasting(tmp_path, Servicer(hang)) as forecast:
        forecast.send(BLOCK, LONG_S)
        forecast.check({"rsi_14": 2})
        async with asyncio.timeout(LONG_S / 10):
            assert await forecast.finish(LONG_S) is NOTHING
    assert len(forecast.notices) == 1


@pytest.mark.parametrize("count", [0, 1])
async def test_what_was_begun_can_be_ended_at_any_time(tmp_path: Path, count: int) -> None:
    async with forecasting(tmp_path, Servicer(hang)) as forecast:
        for _ in range(count):
            forecast.send(BLOCK, LONG_S)
    assert repr(forecast).startswith("Forecast(1 models")
