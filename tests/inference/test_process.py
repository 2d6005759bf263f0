"""The service as a process: ready with the shipped models, gone on SIGTERM, clear about wrong settings."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc as oip_grpc
from services.inference.__main__ import SERVICE
from services.rpc.channel import open_channel

if TYPE_CHECKING:
    from pathlib import Path

    import grpc


async def _start(**environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.inference",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stderr=asyncio.subprocess.PIPE,
    )


async def _serving(channel: grpc.aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    async with asyncio.timeout(30):
        async for answer in health.Watch(health_pb2.HealthCheckRequest(service=SERVICE), wait_for_ready=True):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


async def test_the_service_serves_the_shipped_models_and_leaves_on_sigterm(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/inference.sock"
    process = await _start(INFERENCE_ADDRESS=address)
    async with open_channel(address) as channel:
        await _serving(channel)
        stub = oip_grpc.GRPCInferenceServiceStub(channel)
        ready = await stub.ServerReady(oip.ServerReadyRequest(), timeout=5)
        index = await stub.RepositoryIndex(oip.RepositoryIndexRequest(ready=True), timeout=5)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(15):
        await process.communicate()
    assert process.returncode == 0
    assert ready.ready
    assert {model.name for model in index.models} == {"alpha_5", "alpha_10"}


@pytest.mark.parametrize(
    ("name", "value", "code", "text"),
    [
        ("INFERENCE_LOG_LEVEL", "loud", 2, "INFERENCE_LOG_LEVEL"),
        ("INFERENCE_MODEL_PATH", "models", 2, "unknown variable INFERENCE_MODEL_PATH"),
        ("INFERENCE_MODELS_PATH", "no/such/folder", 69, "no/such/folder cannot be read"),
    ],
)
async def test_a_wrong_setting_ends_the_process_with_one_clear_line(
    name: str, value: str, code: int, text: str, tmp_path: Path
) -> None:
    process = await _start(INFERENCE_ADDRESS=f"unix:{tmp_path}/inference.sock", **{name: value})
    async with asyncio.timeout(30):
        _, faults = await process.communicate()
    lines = faults.decode().splitlines()
    assert process.returncode == code
    assert len(lines) == 1
    assert text in lines[0]
