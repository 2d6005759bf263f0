"""The fetcher's RPCs about its memory."""

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


class CacheRpcs:
    """The part of `FetcherServicer` that warms memory and tells what is in it."""

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

    async def GetCacheStats(  # noqa: N802  # grpc's name
        self,
        request: pb.GetCacheStatsRequest,  # noqa: ARG002  # fixed
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002  # fixed
    ) -> pb.GetCacheStatsResponse:
        """Tell what is in memory."""
        bars = self._bars
        return pb.GetCacheStatsResponse(
            session_count=len(bars.cache),
            byte_count=bars.cache.byte_count,
            byte_limit=bars.cache.byte_limit,
            memory_hit_count=bars.counts.memory,
            store_hit_count=bars.counts.store,
            miss_count=bars.counts.missed,
            eviction_count=bars.cache.eviction_count,
            provider_request_total=bars.request_total,
            detail_count=bars.details.known_count,
        )
