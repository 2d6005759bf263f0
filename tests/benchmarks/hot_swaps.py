"""What calls and readiness do while the folder of models changes under load."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import grpc
import numpy as np

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc as oip_grpc
from services.cli.stack import Stack
from services.rpc.channel import open_channel
from tests.benchmarks.big_models import WIDTH, write_version
from tests.benchmarks.figures import Figure
from tests.benchmarks.scale import BLOCK

SWAPS: Final = 20
_NAME: Final = "alpha_5"
_CALLERS: Final = 4
_WITHIN_S: Final = 60.0


async def measure_swaps(stack: Stack, folder: Path, content: bytes) -> AsyncIterator[Figure]:
    """Put new versions in and take old ones out under load; then take the model away and bring it back."""
    outcomes: list[bool] = []
    served: list[float] = []
    ended = asyncio.Event()
    async with open_channel(stack.addresses.inference) as channel:
        stub = oip_grpc.GRPCInferenceServiceStub(channel)
        async with asyncio.TaskGroup() as callers:
            for _ in range(_CALLERS):
                callers.create_task(_call(stub, ended, outcomes))
            for version in range(2, 2 + SWAPS):
                write_version(folder, _NAME, version, content)
                served.append(await _seconds_until(stub, str(version), ready=True))
                shutil.rmtree(folder / _NAME / str(version - 1))
            ended.set()
        shutil.move(folder / _NAME, folder / ".away")
        missing_s = await _seconds_until(stub, "", ready=False)
        shutil.move(folder / ".away", folder / _NAME)
        back_s = await _seconds_until(stub, "", ready=True)
    failed, note = outcomes.count(False), f"of {len(outcomes):,} by {_CALLERS} callers at once"
    yield Figure(f"inference: calls that failed over {SWAPS} hot swaps", "calls", (failed,), limit=0, note=note)
    yield Figure("inference: a new version is served, under load", "s", tuple(served), target=1)
    yield Figure("inference: readiness after a model went missing, and came back", "s", (missing_s, back_s), target=1)


async def _call(stub: oip_grpc.GRPCInferenceServiceStub, ended: asyncio.Event, outcomes: list[bool]) -> None:
    """Ask the newest version for a block of alphas again and again, and note whether they came."""
    request = oip.ModelInferRequest(
        model_name=_NAME,
        inputs=[{"name": "features", "datatype": "FP32", "shape": [BLOCK, WIDTH]}],
        raw_input_contents=[np.zeros((BLOCK, WIDTH), "<f4").tobytes()],
    )
    while not ended.is_set():
        try:
            await stub.ModelInfer(request, timeout=_WITHIN_S)
        except grpc.aio.AioRpcError:
            outcomes.append(False)
        else:
            outcomes.append(True)


async def _seconds_until(stub: oip_grpc.GRPCInferenceServiceStub, version: str, *, ready: bool) -> float:
    """Return the seconds until a version is ready, or is not."""
    began = time.perf_counter()
    question = oip.ModelReadyRequest(name=_NAME, version=version)
    while time.perf_counter() - began < _WITHIN_S:
        try:
            answer = (await stub.ModelReady(question, timeout=_WITHIN_S)).ready
        except grpc.aio.AioRpcError:  # NOT_FOUND: it was not seen yet
            answer = False
        if answer == ready:
            break
        await asyncio.sleep(0.002)
    return time.perf_counter() - began
