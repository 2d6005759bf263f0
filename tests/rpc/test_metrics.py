"""The numbers of a server, as Prometheus reads them over HTTP."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.market.errors import InvalidRequestError, ServiceUnavailableError
from services.rpc.channel import open_channel
from services.rpc.listening import ServerAccess
from services.rpc.metrics import OTHER, Metrics
from services.rpc.serve import RunningServer, ServerSpec, start
from technic.v1 import fetcher_service_pb2, fetcher_service_pb2_grpc

CALLS = "rpc_server_call_duration_seconds_count"
LIST = "technic.v1.FetcherService/ListSymbols"
STREAM = "technic.v1.FetcherService/StreamBars"


class Servicer(fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Lists for everybody, refuses who names a session; a stream never ends."""

    async def ListSymbols(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802  # grpc's names
        """Answer or refuse."""
        if request.as_of:
            raise InvalidRequestError("no")
        return fetcher_service_pb2.ListSymbolsResponse()

    async def StreamBars(self, request: Any, context: Any) -> None:  # noqa: ARG002, N802  # grpc's names
        """Write once, and wait."""
        await context.write(fetcher_service_pb2.StreamBarsResponse())
        await asyncio.Event().wait()


async def read(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return all numbers by name and the values of their labels."""
    with await asyncio.to_thread(urllib.request.urlopen, f"http://{metrics.address}/metrics", None, 10) as answer:
        text = answer.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


async def counted(metrics: Metrics, *labels: str) -> float:
    """Wait until calls with these labels were counted, and return how many."""
    async with asyncio.timeout(10):
        while True:
            if count := (await read(metrics)).get((CALLS, *labels, "grpc")):
                return count
            await asyncio.sleep(0.01)


async def nothing() -> None:
    pass


def spec(address: str, metrics: Metrics) -> ServerSpec:
    def register(server: grpc.aio.Server) -> None:
        fetcher_service_pb2_grpc.add_FetcherServiceServicer_to_server(Servicer(), server)

    return ServerSpec("fetcher", address, register, (), nothing, metrics=metrics)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("fetcher", "127.0.0.1:0")


@pytest.fixture
async def server(metrics: Metrics, tmp_path: Path) -> AsyncIterator[RunningServer]:
    running = await start(spec(f"unix:{tmp_path}/server", metrics))
    yield running
    await running.kill()


async def test_calls_are_counted_by_method_and_status(server: RunningServer, metrics: Metrics) -> None:
    async with open_channel(server.address) as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        for _ in range(3):
            await stub.ListSymbols(fetcher_service_pb2.ListSymbolsRequest(), timeout=5)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ListSymbols(fetcher_service_pb2.ListSymbolsRequest(as_of="x"), timeout=5)
        assert await counted(metrics, LIST, "OK") == 3
        assert await counted(metrics, LIST, "INVALID_ARGUMENT") == 1


async def test_a_stream_is_in_flight_until_it_is_cancelled_or_late(server: RunningServer, metrics: Metrics) -> None:
    async with open_channel(server.address) as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        call = stub.StreamBars(fetcher_service_pb2.StreamBarsRequest(), timeout=60)
        await call.read()
        assert (await read(metrics))["technic_calls_in_flight",] == 1
        call.cancel()
        assert await counted(metrics, STREAM, "CANCELLED") == 1
        assert (await read(metrics))["technic_calls_in_flight",] == 0
        with pytest.raises(grpc.aio.AioRpcError):
            async for _ in stub.StreamBars(fetcher_service_pb2.StreamBarsRequest(), timeout=0.1):
                pass
        assert await counted(metrics, STREAM, "DEADLINE_EXCEEDED") == 1


async def test_methods_that_nobody_has_are_one_series(server: RunningServer, metrics: Metrics) -> None:
    async with open_channel(server.address) as channel:
        for number in range(20):
            unknown: Any = channel.unary_unary(f"/no.such.Service/Method{number}")
            with pytest.raises(grpc.aio.AioRpcError):
                await unknown(b"", timeout=5)
    found = await read(metrics)
    assert found[CALLS, OTHER, "UNIMPLEMENTED", "grpc"] == 20
    assert not any("Method" in label for labels in found for label in labels)


async def test_methods_that_nobody_has_are_one_series_where_tokens_are_asked_for_too(
    metrics: Metrics, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"app reader {'0' * 64}\n")
    protected = replace(spec(f"unix:{tmp_path}/protected", metrics), access=ServerAccess(tokens=tokens))
    running = await start(protected)
    async with open_channel(running.address) as channel:
        for number in range(20):
            unknown: Any = channel.unary_unary(f"/no.such.Service/Method{number}")
            with pytest.raises(grpc.aio.AioRpcError):
                await unknown(b"", timeout=5)
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ListSymbols(fetcher_service_pb2.ListSymbolsRequest(), timeout=5)
    found = await read(metrics)
    await running.kill()
    assert found[CALLS, OTHER, "UNAUTHENTICATED", "grpc"] == 20
    assert found[CALLS, LIST, "UNAUTHENTICATED", "grpc"] == 1
    assert not any("Method" in label for labels in found for label in labels)


async def test_the_process_and_the_version_are_told(server: RunningServer, metrics: Metrics) -> None:
    assert server
    found = await read(metrics)
    names = {labels[0] for labels in found}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} <= names
    assert any(labels[:2] == ("technic_build_info", "fetcher") for labels in found)


async def test_an_address_in_use_is_one_clear_error_and_stops_the_server(
    server: RunningServer, metrics: Metrics, tmp_path: Path
) -> None:
    assert server
    second = spec(f"unix:{tmp_path}/second", Metrics("fetcher", metrics.address))
    with pytest.raises(ServiceUnavailableError, match="metrics cannot be served"):
        await start(second)
    # Its place is free again.
    await (await start(spec(second.address, Metrics("fetcher", "")))).kill()


async def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="no address for metrics"):
        await start(spec(f"unix:{tmp_path}/server", Metrics("fetcher", "9101/metrics")))


async def test_a_server_that_stopped_leaves_the_address_free(tmp_path: Path) -> None:
    first = Metrics("fetcher", "127.0.0.1:0")
    running = await start(spec(f"unix:{tmp_path}/server", first))
    await running.stop()
    again = Metrics("fetcher", first.address)
    running = await start(spec(f"unix:{tmp_path}/server", again))
    assert await read(again)
    await running.stop()
