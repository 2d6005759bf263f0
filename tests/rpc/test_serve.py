"""A server of ours over a real Unix socket: readiness, reflection, errors, ids, refusals."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from services.market import errors
from services.rpc.channel import open_channel
from services.rpc.serve import REFLECTION_V1, RunningServer, ServerSpec, Tell, start
from services.rpc.status import CODES, from_call
from technic.v1 import fetcher_service_pb2, fetcher_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FETCHER = "technic.v1.FetcherService"


class RaisingServicer(fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Raises what the test tells it to; streams one message before it does."""

    error: Exception = errors.InvalidRequestError("set by the test")

    async def ListSymbols(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802  # grpc's names
        """Raise."""
        raise self.error

    async def StreamBars(self, request: Any, context: Any) -> None:  # noqa: ARG002, N802  # grpc's names
        """Write once, then raise."""
        await context.write(fetcher_service_pb2.StreamBarsResponse())
        raise self.error


async def _nothing() -> None:
    pass


def _spec(address: str, servicer: RaisingServicer) -> ServerSpec:
    def register(server: grpc.aio.Server) -> None:
        fetcher_service_pb2_grpc.add_FetcherServiceServicer_to_server(servicer, server)

    return ServerSpec(name="fetcher", address=address, register=register, service_names=(FETCHER,), warm=_nothing)


@pytest.fixture
def servicer() -> RaisingServicer:
    return RaisingServicer()


@pytest.fixture
async def server(servicer: RaisingServicer, tmp_path: Path) -> AsyncIterator[RunningServer]:
    running = await start(_spec(f"unix:{tmp_path}/server.sock", servicer))
    yield running
    await running.stop()


@pytest.fixture
async def channel(server: RunningServer) -> AsyncIterator[grpc.aio.Channel]:
    async with open_channel(server.address) as channel:
        yield channel


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
async def test_every_typed_error_crosses_the_wire_unchanged(
    kind: type[errors.TechnicError], servicer: RaisingServicer, channel: grpc.aio.Channel
) -> None:
    servicer.error = kind("what happened and what to do", retry_after_s=1.5)
    stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as unary:
        await stub.ListSymbols(fetcher_service_pb2.ListSymbolsRequest(), timeout=5)
    with pytest.raises(grpc.aio.AioRpcError) as stream:
        async for _ in stub.StreamBars(fetcher_service_pb2.StreamBarsRequest(), timeout=5):
            pass
    for raised in (unary.value, stream.value):
        error = from_call(raised, "fetcher")
        assert type(error) is kind
        assert error.message == "what happened and what to do"
        assert error.retry_after_s == 1.5


async def test_text_of_an_unexpected_error_stays_inside(servicer: RaisingServicer, channel: grpc.aio.Channel) -> None:
    servicer.error = RuntimeError("the password is hunter2")
    stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ListSymbols(fetcher_service_pb2.ListSymbolsRequest(), timeout=5)
    assert raised.value.code() == grpc.StatusCode.INTERNAL
    assert raised.value.details() == "internal error"
    assert "hunter2" not in repr(raised.value.trailing_metadata())


async def test_a_group_of_errors_is_internal_and_not_unknown(
    servicer: RaisingServicer, channel: grpc.aio.Channel
) -> None:
    servicer.error = ExceptionGroup("unhandled errors in a TaskGroup", [errors.ProviderAuthError("refused")])
    stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ListSymbols(fetcher_service_pb2.ListSymbolsRequest(), timeout=5)
    assert raised.value.code() == grpc.StatusCode.INTERNAL


async def test_an_absent_server_is_a_service_unavailable_error(tmp_path: Path) -> None:
    async with open_channel(f"unix:{tmp_path}/nobody.sock") as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListSymbols(fetcher_service_pb2.ListSymbolsRequest(), timeout=5)
    error = from_call(raised.value, "fetcher")
    assert isinstance(error, errors.ServiceUnavailableError)
    assert "fetcher" in error.message


@pytest.mark.parametrize("service", [REFLECTION_V1, "grpc.reflection.v1alpha.ServerReflection"])
async def test_reflection_lists_the_service_in_both_versions(service: str, channel: grpc.aio.Channel) -> None:
    reflect = channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    call = reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=5)
    answers = [answer async for answer in call]
    names = {service.name for service in answers[0].list_services_response.service}
    assert {FETCHER, "grpc.health.v1.Health"} <= names


async def test_health_serves_only_once_the_service_is_warm(servicer: RaisingServicer, tmp_path: Path) -> None:
    warm = asyncio.Event()

    async def wait() -> None:
        await warm.wait()

    spec = _spec(f"unix:{tmp_path}/slow.sock", servicer)
    spec = ServerSpec(spec.name, spec.address, spec.register, spec.service_names, warm=wait)
    starting = asyncio.ensure_future(start(spec))
    async with open_channel(spec.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=FETCHER)
        cold = await stub.Check(request, wait_for_ready=True, timeout=5)
        warm.set()
        running = await starting
        ready = await stub.Check(request, timeout=5)
    await running.stop()
    assert cold.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert ready.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_port_in_use_is_one_clear_error(servicer: RaisingServicer) -> None:
    first = await start(_spec("127.0.0.1:0", servicer))
    with pytest.raises(errors.ServiceUnavailableError, match="port in use"):
        await start(_spec(first.address, servicer))
    await first.stop()


async def _status(channel: grpc.aio.Channel) -> int:
    answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=FETCHER), timeout=5)
    return int(answer.status)


async def test_health_is_what_the_service_tells_until_it_stops(servicer: RaisingServicer, tmp_path: Path) -> None:
    news: asyncio.Queue[bool] = asyncio.Queue()
    told: asyncio.Queue[bool] = asyncio.Queue()
    ended = asyncio.Event()

    async def follow(tell: Tell) -> None:
        try:
            while True:
                ready = await news.get()
                await tell(ready)
                told.put_nowait(ready)
        finally:
            ended.set()

    running = await start(replace(_spec(f"unix:{tmp_path}/follow.sock", servicer), follow=follow))
    async with open_channel(running.address) as channel:
        seen = [await _status(channel)]
        for ready in (True, True, False, True):
            news.put_nowait(ready)
            assert await asyncio.wait_for(told.get(), 5) == ready
            seen.append(await _status(channel))
        await running.stop()
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert seen == [not_serving, serving, serving, not_serving, serving]
    assert ended.is_set()


async def test_a_service_that_can_no_longer_tell_is_not_serving(servicer: RaisingServicer, tmp_path: Path) -> None:
    failing = asyncio.Event()

    async def follow(tell: Tell) -> None:
        await tell(True)
        failing.set()
        raise ValueError("a defect")

    running = await start(replace(_spec(f"unix:{tmp_path}/defect.sock", servicer), follow=follow))
    async with open_channel(running.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        async with asyncio.timeout(5):
            await failing.wait()
            async for answer in stub.Watch(health_pb2.HealthCheckRequest(service=FETCHER)):
                if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                    break
    await running.stop()
