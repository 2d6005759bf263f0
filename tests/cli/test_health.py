"""`technic health`, with the exit codes of grpc_health_probe."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.cli.health import CALL_FAILED, CONNECTION_FAILED, NOT_SERVING, SERVING, becomes_serving, probe
from services.cli.target import Target
from tests.cli.conftest import Gateway, Technic
from tests.cli.scripted import SERVICE


@pytest.fixture
async def warming(tmp_path: Path) -> AsyncIterator[tuple[str, health.aio.HealthServicer]]:
    """Run a server that is not ready yet."""
    server, servicer = grpc.aio.server(), health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    address = f"unix:{tmp_path}/warming"
    server.add_insecure_port(address)
    await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    await server.start()
    yield address, servicer
    await server.stop(None)


@pytest.fixture
async def mute(tmp_path: Path) -> AsyncIterator[str]:
    """Run a gRPC server without health checks."""
    server = grpc.aio.server()
    address = f"unix:{tmp_path}/mute"
    server.add_insecure_port(address)
    await server.start()
    yield address
    await server.stop(None)


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_a_ready_server_is_serving(gateway: Gateway, service: str) -> None:
    assert await probe(Target(gateway.address), service, 5.0) == (SERVING, "SERVING")


async def test_a_warming_server_is_not_serving(warming: tuple[str, health.aio.HealthServicer]) -> None:
    assert await probe(Target(warming[0]), "", 5.0) == (NOT_SERVING, "NOT_SERVING")


async def test_a_service_it_does_not_have_fails_the_call(gateway: Gateway) -> None:
    code, text = await probe(Target(gateway.address), "no.such.Service", 5.0)
    assert code == CALL_FAILED
    assert "no.such.Service" in text


async def test_a_server_without_health_checks_fails_the_call(mute: str) -> None:
    assert (await probe(Target(mute), "", 5.0))[0] == CALL_FAILED


async def test_nobody_there_is_no_connection(tmp_path: Path) -> None:
    assert (await probe(Target(f"unix:{tmp_path}/nobody"), "", 5.0))[0] == CONNECTION_FAILED


async def test_one_who_takes_connections_and_says_nothing_is_no_connection(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/silent")
        silent.listen()
        assert (await probe(Target(f"unix:{tmp_path}/silent"), "", 0.2))[0] == CONNECTION_FAILED


async def test_becoming_ready_is_noticed(warming: tuple[str, health.aio.HealthServicer]) -> None:
    address, servicer = warming
    waiting = asyncio.create_task(becomes_serving(address))
    assert not (await asyncio.wait((waiting,), timeout=0.1))[0]
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    async with asyncio.timeout(5):
        assert await waiting


async def test_one_who_is_not_there_does_not_become_ready(tmp_path: Path) -> None:
    assert not await becomes_serving(f"unix:{tmp_path}/nobody")


async def test_the_command_prints_the_status(gateway: Gateway, technic: Technic) -> None:
    outcome = await technic.run("health", "--address", gateway.address, "--service", SERVICE)
    assert (outcome.code, outcome.out) == (0, "SERVING\n")


async def test_the_command_exits_4_for_one_who_is_warming(
    warming: tuple[str, health.aio.HealthServicer], technic: Technic
) -> None:
    outcome = await technic.run("health", "--address", warming[0])
    assert (outcome.code, outcome.err) == (4, "technic: NOT_SERVING\n")
