"""Channels to other services, and how long a call waits for a service that is starting again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import grpc

from services.market.errors import ServiceUnavailableError
from services.rpc.keepalive import client_options
from services.rpc.status import from_call

T = TypeVar("T")

FRAME_BYTES = 4 * 1024 * 1024
"""Bytes of an HTTP/2 frame: a block of bars is one, not two hundred."""
LONGEST_BACKOFF_MS: Final = 500
"""Milliseconds, a fifth more or less, between two tries to connect."""
CONNECT_S: Final = 1.0
"""Seconds that a service which is not connected gets to be there: the longest pause before it is tried again, twice."""
TRIES: Final = 3
"""How often at most a call is made that another server may answer in place of one that is going."""
OPTIONS = (
    # A replica that died is found by pings, and work spreads over all replicas behind one name.
    *client_options(),
    ("grpc.lb_policy_name", "round_robin"),
    # Reconnect soon: services start in any order, and again.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", LONGEST_BACKOFF_MS),
    ("grpc.http2.max_frame_size", FRAME_BYTES),
    # No proxy stands between our services; an http_proxy in the environment is meant for others.
    ("grpc.enable_http_proxy", 0),
)


def open_channel(address: str) -> grpc.aio.Channel:
    """Open a channel to `address` (host:port, unix:/path or dns:///name:port); it connects with the first call."""
    return grpc.aio.insecure_channel(address, options=OPTIONS)


async def connected(channel: grpc.aio.Channel, within_s: float = CONNECT_S) -> bool:
    """Wait until a channel is connected; False if it was not within `within_s`, CONNECT_S at most."""
    if (state := channel.get_state(try_to_connect=True)) is grpc.ChannelConnectivity.READY:
        return True
    try:
        async with asyncio.timeout(min(within_s, CONNECT_S)):
            while state is not grpc.ChannelConnectivity.READY:
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
    except TimeoutError:
        return False
    return True


async def left_once_connected(channel: grpc.aio.Channel, within_s: float) -> float:
    """Wait as `connected` does, and return what is left of `within_s` for a call, connected or not."""
    until = asyncio.get_running_loop().time() + within_s
    await connected(channel, within_s)
    return max(0.0, until - asyncio.get_running_loop().time())


async def ask(channel: grpc.aio.Channel, service: str, within_s: float, call: Callable[[float], Awaitable[T]]) -> T:
    """Make a call that may be made twice, and make it again if the server was going and another one is there.

    Args:
        channel: that it goes over.
        service: name of the called service, for errors.
        within_s: seconds that it may take in all.
        call: makes it, within the seconds that it is given.

    Raises:
        TechnicError: what the service raised, or that it cannot be reached.
    """
    until = asyncio.get_running_loop().time() + within_s
    for attempt in range(1, TRIES + 1):
        there = await connected(channel, until - asyncio.get_running_loop().time())
        try:
            return await call(max(0.0, until - asyncio.get_running_loop().time()))
        except grpc.aio.AioRpcError as error:
            failure = from_call(error, service)
            if attempt == TRIES or not there or not isinstance(failure, ServiceUnavailableError):
                raise failure from None
    raise AssertionError  # pragma: no cover  # the last attempt returns or raises
