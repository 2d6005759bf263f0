"""The fetcher's RPC that brings sessions into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from services.fetcher.deadlines import deadline
from services.fetcher.store_rpcs import DEFAULT_HISTORY
from technic.v1 import fetcher_service_pb2 as pb

if TYPE_CHECKING:
    import grpc

    from services.fetcher.bars import Bars

REPLY_SHARE: Final = 0.9
"""Share of a call's time after which it is told that not all was there: the answer has to arrive in time, too."""


class WarmRpcs:
    """The part of `FetcherServicer` that warms."""

    _bars: Bars

    async def WarmCache(  # noqa: N802  # grpc's name
        self, request: pb.WarmCacheRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.WarmCacheResponse:
        """Bring a window into memory."""
        as_of = self._bars.resolve(request.as_of)
        count = request.history_count or DEFAULT_HISTORY
        warmed = await self._bars.warming.run(as_of, count, until=deadline(context, REPLY_SHARE))
        return pb.WarmCacheResponse(
            as_of=as_of.isoformat(),
            sessions_ready=warmed.ready_count,
            sessions_wanted=warmed.wanted_count,
            provider_request_count=warmed.request_count,
            seconds=warmed.seconds,
        )
