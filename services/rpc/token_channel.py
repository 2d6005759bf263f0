"""A channel whose calls bring a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class TokenChannel(grpc.aio.Channel):
    """Wraps a channel. gRPC's own call credentials would bring no token over a Unix socket in plaintext.

    Args:
        channel: the channel itself.
        token: gives the token, anew for each call.
    """

    def __init__(self, channel: grpc.aio.Channel, token: Callable[[], str]) -> None:
        self._channel = channel
        self._token = token

    def _bringing(self, method: Callable[..., Any]) -> Any:  # noqa: ANN401  # one of four kinds of methods
        def call(*requests: Any, metadata: Any = None, **terms: Any) -> Any:  # noqa: ANN401  # as grpc has it
            own = ("authorization", f"Bearer {self._token()}")
            return method(*requests, metadata=(*(metadata or ()), own), **terms)

        return call

    def unary_unary(self, *arguments: Any, **terms: Any) -> Any:  # noqa: ANN401  # as grpc has it
        """Return a method of one message each way."""
        return self._bringing(self._channel.unary_unary(*arguments, **terms))

    def unary_stream(self, *arguments: Any, **terms: Any) -> Any:  # noqa: ANN401  # as grpc has it
        """Return a method whose answers stream."""
        return self._bringing(self._channel.unary_stream(*arguments, **terms))

    def stream_unary(self, *arguments: Any, **terms: Any) -> Any:  # noqa: ANN401  # as grpc has it
        """Return a method whose requests stream."""
        return self._bringing(self._channel.stream_unary(*arguments, **terms))

    def stream_stream(self, *arguments: Any, **terms: Any) -> Any:  # noqa: ANN401  # as grpc has it
        """Return a method whose requests and answers stream."""
        return self._bringing(self._channel.stream_stream(*arguments, **terms))

    async def close(self, grace: float | None = None) -> None:
        """Close the channel, after `grace` seconds for what is on its way."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002  # as grpc has it
        """Return whether the channel is connected."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until `get_state` says something else."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until the channel is connected."""
        await self._channel.channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()
