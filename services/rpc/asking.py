"""How long a call waits for a service that is starting again, and when it is made again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import grpc

from services.market.errors import ServiceUnavailableError, TechnicError
from services.rpc.status import from_call, is_typed

T = TypeVar("T")
Failed = Callable[[grpc.aio.AioRpcError, str], TechnicError]
"""Makes a typed error of one of gRPC's and the name of the called service."""

CONNECT_S: Final = 1.0
"""Seconds that a service which is not connected gets to be there: the longest pause before it is tried again, twice."""
_POLL_S: Final = 0.01
TRIES: Final = 3
"""How often at most a call is made that another server may answer in place of one that is going."""


async def connected(channel: grpc.aio.Channel, within_s: float = CONNECT_S) -> bool:
    """Wait until a channel is connected; False if it was not within `within_s`, CONNECT_S at most."""
    until = asyncio.get_running_loop().time() + min(within_s, CONNECT_S)
    # Looked at again and again: gRPC forgets who waits for a change only when there is one; with nobody there is none.
    while channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY:
        left_s = until - asyncio.get_running_loop().time()
        if left_s <= 0:
            return False
        await asyncio.sleep(min(_POLL_S, left_s))
    return True


async def left_once_connected(channel: grpc.aio.Channel, within_s: float) -> float:
    """Wait as `connected` does, and return what is left of `within_s` for a call, connected or not."""
    until = asyncio.get_running_loop().time() + within_s
    await connected(channel, within_s)
    return max(0.0, until - asyncio.get_running_loop().time())


async def ask(
    channel: grpc.aio.Channel,
    service: str,
    within_s: float,
    call: Callable[[float], Awaitable[T]],
    failed: Failed = from_call,
) -> T:
    """Make a call that may be made twice, and make it again if the server was going and another one is there.

    Args:
        channel: that it goes over.
        service: name of the called service, for errors.
        within_s: seconds that it may take in all.
        call: makes it, within the seconds that it is given.
        failed: makes a typed error of one of gRPC's; `from_peer` for a service that calls another.

    Raises:
        TechnicError: what the service raised, or that it cannot be reached.
    """
    until = asyncio.get_running_loop().time() + within_s
    attempt = 0
    while True:
        attempt += 1
        there = await connected(channel, until - asyncio.get_running_loop().time())
        try:
            return await call(max(0.0, until - asyncio.get_running_loop().time()))
        except grpc.aio.AioRpcError as error:
            failure = failed(error, service)
            if attempt == TRIES or not there or not _is_going(error, failure):
                raise failure from None


def _is_going(error: grpc.aio.AioRpcError, failure: TechnicError) -> bool:
    """Tell whether a server ended a call because it ends itself: by gRPC's word, or by its own with when to come again.

    A service that says UNAVAILABLE in our words, and no more, speaks of one behind it: asking again would not help.
    """
    told = isinstance(failure, ServiceUnavailableError)
    return told and (failure.retry_after_s is not None or not is_typed(error))
