"""Calls to servers that come and go: a name with two of them has one that answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.market.errors import InvalidRequestError, ServiceUnavailableError
from services.rpc.asking import CONNECT_S, TRIES, ask, connected
from services.rpc.channel import LONGEST_BACKOFF_MS, open_channel
from services.rpc.serve import RunningServer, ServerSpec, start

METHOD = "/test.Test/Answer"


async def answer(request: bytes, context: Any) -> bytes:  # noqa: ARG001  # grpc's signature
    """Answer what was asked."""
    return request


async def refuse(request: bytes, context: Any) -> bytes:  # noqa: ARG001  # grpc's signature
    """Refuse."""
    raise InvalidRequestError("not this")


class Method(grpc.GenericRpcHandler):
    """Serves one function under any name, and counts its calls."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.count = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ARG002  # takes any
        """Take a call."""
        self.count += 1
        return grpc.unary_unary_rpc_method_handler(self._function)


async def serving(address: str, method: Method) -> RunningServer:
    async def nothing() -> None:
        pass

    def register(server: grpc.aio.Server) -> None:
        server.add_generic_rpc_handlers((method,))

    return await start(ServerSpec("test", address, register, (), nothing))


@asynccontextmanager
async def asking(address: str) -> AsyncIterator[Any]:
    """Give a function that asks a server."""
    async with open_channel(address) as channel:
        method: Any = channel.unary_unary(METHOD)

        def asked(within_s: float = 20.0) -> Awaitable[bytes]:
            return ask(channel, "test", within_s, lambda left_s: method(b"x", timeout=left_s))

        yield asked


async def test_no_call_fails_while_one_of_two_servers_goes() -> None:
    stays = await serving("127.0.0.1:0", Method(answer))
    answered = 0
    for _ in range(20):
        goes = await serving("127.0.0.1:0", Method(answer))
        gone = asyncio.Event()

        async with asking(f"ipv4:{stays.address},{goes.address}") as asked:

            async def call_on(asked: Any = asked, gone: asyncio.Event = gone) -> int:
                count = 0
                while not gone.is_set():
                    count += await asked() == b"x"
                return count

            calls = [asyncio.create_task(call_on()) for _ in range(8)]
            await asyncio.wait(calls, timeout=0.05)
            await goes.stop()
            gone.set()
            answered += sum(await asyncio.gather(*calls))
    await stays.stop()
    assert answered > 100


async def test_a_server_that_starts_again_is_waited_for(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/server"
    async with asking(address) as asked:
        for _ in range(3):
            with pytest.raises(ServiceUnavailableError, match="test cannot be reached"):
                await asked()
            # By now the channel waits its longest before it tries again.
            running = await serving(address, Method(answer))
            assert await asked() == b"x"
            await running.kill()


async def test_what_a_server_says_is_not_asked_twice(tmp_path: Path) -> None:
    method = Method(refuse)
    running = await serving(f"unix:{tmp_path}/server", method)
    async with asking(running.address) as asked:
        with pytest.raises(InvalidRequestError, match="not this"):
            await asked()
    await running.stop()
    assert method.count == 1


async def behind(request: bytes, context: Any) -> bytes:  # noqa: ARG001  # grpc's signature
    """Say that another service is not there."""
    raise ServiceUnavailableError("the other one cannot be reached")


async def leave(request: bytes, context: Any) -> bytes:  # noqa: ARG001  # grpc's signature
    """Say that this one is going."""
    raise ServiceUnavailableError("going", retry_after_s=0.0)


@pytest.mark.parametrize(("function", "tries"), [(behind, 1), (leave, TRIES)])
async def test_who_speaks_of_a_service_behind_it_is_not_asked_again_and_who_goes_is(
    function: Any, tries: int, tmp_path: Path
) -> None:
    method = Method(function)
    running = await serving(f"unix:{tmp_path}/server", method)
    async with asking(running.address) as asked:
        with pytest.raises(ServiceUnavailableError):
            await asked()
    await running.stop()
    assert method.count == tries


async def test_nobody_is_waited_for_no_longer_than_the_call_may_take(tmp_path: Path) -> None:
    async with open_channel(f"unix:{tmp_path}/nobody") as channel:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert not await connected(channel, 0.05)
        assert loop.time() - began < CONNECT_S


def test_a_call_waits_longer_than_a_channel_before_it_connects_again() -> None:
    assert CONNECT_S * 1000 > 1.2 * LONGEST_BACKOFF_MS
