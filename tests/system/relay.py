"""A server that stands before another one: it passes on every call as it comes, and notes what it was given to end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from services.rpc.channel import open_channel
from services.rpc.logs import SCAN_ID_METADATA


@dataclass(frozen=True)
class Call:
    """A call that came: its method without the service, the scan that it is for, and when it was to end.

    `until` is the loop's time, None for a call without a deadline; `left_s` what of that was left when it came.
    """

    method: str
    scan_id: str
    left_s: float | None
    until: float | None


@dataclass
class Relay(grpc.GenericRpcHandler):
    """Passes calls on over a channel; `address` is where it listens, `calls` what came."""

    channel: grpc.aio.Channel
    address: str
    calls: list[Call] = field(default_factory=list)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Take any method; messages stay bytes."""
        return grpc.stream_stream_rpc_method_handler(self._passing_on(handler_call_details.method))

    def _passing_on(self, method: str) -> Callable[..., Any]:
        async def pass_on(requests: AsyncIterator[bytes], context: Any) -> None:
            left, metadata = context.time_remaining(), context.invocation_metadata() or ()
            until = None if left is None else asyncio.get_running_loop().time() + left
            scan_id = str(dict(metadata).get(SCAN_ID_METADATA, ""))
            self.calls.append(Call(method.rpartition("/")[2], scan_id, left, until))
            multi: Any = self.channel.stream_stream(method)
            call = multi(requests, timeout=left, metadata=[(SCAN_ID_METADATA, scan_id)])
            try:
                async for message in call:
                    await context.write(message)
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))
            finally:
                call.cancel()

        return pass_on


@asynccontextmanager
async def relaying(target: str, address: str) -> AsyncIterator[Relay]:
    """Stand before `target` at an address; port 0 takes a free one."""
    async with AsyncExitStack() as exits:
        server = grpc.aio.server(options=[("grpc.http2.max_frame_size", 4 * 1024 * 1024)])
        port = server.add_insecure_port(address)
        place = address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
        relay = Relay(await exits.enter_async_context(open_channel(target)), place)
        server.add_generic_rpc_handlers((relay,))
        await server.start()
        exits.push_async_callback(server.stop, None)
        yield relay
