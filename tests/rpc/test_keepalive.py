"""Connections to nobody are found, and those to a silent server are kept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from services.rpc.keepalive import KEEPALIVE_MS, TIMEOUT_MS, client_options, server_options

QUICK = (200, 200)
"""Milliseconds after which the tests ping, and wait for the answer."""
WAIT, ANSWER = "/test.Test/Wait", "/test.Test/Answer"


class Waiting(grpc.GenericRpcHandler):
    """Answers at once, or waits until `end`; `cancelled` tells that a call was given up here."""

    def __init__(self) -> None:
        self.begun, self.end, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Take a call."""
        return grpc.unary_unary_rpc_method_handler(self._wait if handler_call_details.method == WAIT else self._answer)

    async def _answer(self, request: bytes, context: Any) -> bytes:  # noqa: ARG002  # grpc's signature
        return b"done"

    async def _wait(self, request: bytes, context: Any) -> bytes:  # noqa: ARG002  # grpc's signature
        self.begun.set()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b"done"


class Wire:
    """A relay of bytes that can be cut without anybody being told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut = False
        self.taken_count = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a connection with one of our own."""
        self.taken_count += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink in ((reader, back), (there, writer)):
            self._tasks.add(asyncio.create_task(self._pass_on(source, sink)))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65536):
                    if not self.cut:
                        sink.write(data)
        finally:
            sink.close()

    async def close(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def waiting() -> AsyncIterator[tuple[Waiting, int]]:
    server, handler = grpc.aio.server(options=server_options(*QUICK)), Waiting()
    port = server.add_insecure_port("127.0.0.1:0")
    server.add_generic_rpc_handlers((handler,))
    await server.start()
    yield handler, port
    await server.stop(None)


def call(channel: grpc.aio.Channel, name: str = WAIT) -> "asyncio.Future[bytes]":
    method: Any = channel.unary_unary(name)
    asked: asyncio.Future[bytes] = asyncio.ensure_future(method(b"", timeout=60))
    return asked


async def test_a_cut_connection_is_found_by_both_sides(waiting: tuple[Waiting, int]) -> None:
    handler, port = waiting
    wire = Wire(port)
    async with await asyncio.start_server(wire.take, "127.0.0.1", 0) as relay:
        address = f"127.0.0.1:{relay.sockets[0].getsockname()[1]}"
        async with grpc.aio.insecure_channel(address, options=client_options(*QUICK)) as channel:
            asked = call(channel)
            async with asyncio.timeout(20):
                await handler.begun.wait()
                wire.cut = True
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await asked
                await handler.cancelled.wait()
    await wire.close()
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_a_silent_call_is_pinged_many_times_and_goes_on(waiting: tuple[Waiting, int]) -> None:
    handler, port = waiting
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=client_options(*QUICK)) as channel:
        asked = call(channel)
        await handler.begun.wait()
        # Five pings, as gRPC sends no more than one a second: a server that does not permit them ends the connection
        # with the third.
        ended, _ = await asyncio.wait((asked,), timeout=5.0)
        assert not ended
        handler.end.set()
        assert await asked == b"done"


async def test_clients_connect_anew_and_no_call_fails() -> None:
    server, handler = grpc.aio.server(options=server_options(age_ms=200)), Waiting()
    wire = Wire(server.add_insecure_port("127.0.0.1:0"))
    server.add_generic_rpc_handlers((handler,))
    await server.start()
    async with await asyncio.start_server(wire.take, "127.0.0.1", 0) as relay:
        address = f"127.0.0.1:{relay.sockets[0].getsockname()[1]}"
        async with grpc.aio.insecure_channel(address, options=client_options()) as channel:
            long = call(channel)
            await handler.begun.wait()
            async with asyncio.timeout(20):
                while wire.taken_count < 4:
                    assert await call(channel, ANSWER) == b"done"
            assert not long.done()
            handler.end.set()
            assert await long == b"done"
    await wire.close()
    await server.stop(None)


def test_a_cut_connection_is_found_within_20_s() -> None:
    options = dict(client_options())
    assert options["grpc.keepalive_time_ms"] + options["grpc.http2.ping_timeout_ms"] <= 20_000
    assert (options["grpc.keepalive_time_ms"], options["grpc.http2.ping_timeout_ms"]) == (KEEPALIVE_MS, TIMEOUT_MS)
    assert dict(server_options())["grpc.http2.min_ping_interval_without_data_ms"] < KEEPALIVE_MS
