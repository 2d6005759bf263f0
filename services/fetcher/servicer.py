"""The fetcher's RPCs: converts messages and calls the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from services.fetcher.cache_rpcs import CacheRpcs
from services.fetcher.deadlines import deadline, fetch_deadline, listing_deadline, repair_deadline
from services.fetcher.messages import ListColumns, outgoing, plan_message, summary_message, to_bytes
from services.fetcher.store_rpcs import StoreRpcs
from services.fetcher.stream_events import StreamRequest
from services.market.errors import InvalidRequestError
from services.rpc.wire import block_size
from technic.v1 import fetcher_service_pb2 as pb
from technic.v1 import fetcher_service_pb2_grpc

if TYPE_CHECKING:
    from services.fetcher.bars import Bars
    from services.fetcher.messages import Outgoing
    from services.fetcher.stream_events import Event

SYMBOL_LIMIT = 25_000
"""Symbols of one call: the 20,000 of a scan, and what the scorer adds for context."""


class FetcherServicer(StoreRpcs, CacheRpcs, fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Serves `Bars` as technic.v1.FetcherService."""

    def __init__(self, bars: Bars) -> None:
        super().__init__(bars)
        self._columns = ListColumns()

    async def ListSymbols(  # noqa: N802  # grpc's name
        self,
        request: pb.ListSymbolsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> pb.ListSymbolsResponse:
        """List the symbols of a session, most liquid first."""
        total = self._bars.request_total
        as_of = self._bars.resolve(request.as_of, include_running=request.include_running)
        provisional = self._bars.is_running(as_of)
        with self._bars.activity.busy():
            listed = await self._bars.listed(
                as_of,
                request.history_count,
                until=listing_deadline(context),
                ends=deadline(context),
                symbol_count=request.symbol_count,
                newest=not request.as_of,
            )
        provider, simulated = self._bars.provider
        response = pb.ListSymbolsResponse(
            as_of=listed.as_of.isoformat(),
            provider=provider,
            simulated=simulated,
            provider_request_total=total,
            cache_hit_count=listed.hit_count,
            notices=listed.notices,
            provisional=provisional,
            reference_list_missing=listed.is_stand_in,
            store=self._bars.stored.name,
            fetch_plan=plan_message(listed.plan) if listed.plan else None,
        )
        if request.include_running and not request.as_of and not provisional:
            response.notices.append(f"no session is running now: as_of is the newest completed one, {as_of}")
        self._columns.fill(response, listed, request.known_version)
        return response

    async def StreamBars(  # noqa: N802  # grpc's name
        self, request: pb.StreamBarsRequest, context: grpc.aio.ServicerContext[Any, Outgoing]
    ) -> None:
        """Stream the bars of the requested symbols."""
        symbols = tuple(request.symbols)
        if not 0 < len(symbols) <= SYMBOL_LIMIT:
            raise InvalidRequestError(f"{len(symbols)} symbols: ask for 1 to {SYMBOL_LIMIT}")
        if len(set(symbols)) != len(symbols):
            raise InvalidRequestError("symbols has duplicates: name each symbol once")

        async def emit(event: Event) -> None:
            await context.write(outgoing(event, self._bars.request_total))

        with self._bars.activity.busy():
            asked = StreamRequest(
                symbols=symbols,
                until=fetch_deadline(context, len(symbols)),
                block_size=block_size(max(1, request.history_count)),
                known_version=request.known_version,
                include_early=request.include_early,
                repair_until=repair_deadline(context),
            )
            as_of = self._bars.resolve(request.as_of, include_running=request.include_running)
            summary = await self._bars.stream(asked, as_of, request.history_count, emit)
        await context.write(pb.StreamBarsResponse(summary=summary_message(summary, self._bars)))


def register(servicer: FetcherServicer, server: grpc.aio.Server) -> None:
    """Serve it; bars go out as they lie in memory, not through a message."""
    stream = grpc.unary_stream_rpc_method_handler(
        servicer.StreamBars, request_deserializer=pb.StreamBarsRequest.FromString, response_serializer=to_bytes
    )
    fetcher_service_pb2_grpc.add_FetcherServiceServicer_to_server(servicer, server)
    # In place of the generated one.
    server.add_registered_method_handlers("technic.v1.FetcherService", {"StreamBars": stream})
