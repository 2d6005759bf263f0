"""The fetcher's RPCs: converts messages and calls the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.fetcher.deadlines import deadline, fetch_deadline
from services.fetcher.store_rpcs import StoreRpcs
from services.fetcher.sync import SyncState
from services.fetcher.warm_rpcs import WarmRpcs
from services.market.errors import InvalidRequestError
from services.market.panel import Panel
from services.rpc.wire import block_size, number, omissions_to_messages, write_panel
from technic.v1 import fetcher_service_pb2 as pb
from technic.v1 import fetcher_service_pb2_grpc

if TYPE_CHECKING:
    import grpc

    from services.fetcher.bars import Bars, Omissions
    from services.fetcher.source import Listing
    from services.fetcher.symbol_list import Listed

SYMBOL_LIMIT = 25_000
"""Symbols of one call: the 20,000 of a scan, and what the scorer adds for context."""
LISTING_SHARE = 0.5
"""Share of a call's time that the reference list is waited for."""


class FetcherServicer(StoreRpcs, WarmRpcs, fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Serves `Bars` as technic.v1.FetcherService."""

    def __init__(self, bars: Bars) -> None:
        super().__init__(bars)
        self._last_list: tuple[tuple[Listing, ...], pb.ListSymbolsResponse] | None = None

    async def ListSymbols(  # noqa: N802  # grpc's name
        self,
        request: pb.ListSymbolsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> pb.ListSymbolsResponse:
        """List the symbols of a session, most liquid first."""
        total = self._bars.request_total
        as_of = self._bars.resolve(request.as_of)
        until = deadline(context, LISTING_SHARE)
        with self._bars.activity.busy():
            listed = await self._bars.listed(as_of, request.history_count, until=until)
        provider, simulated = self._bars.provider
        response = pb.ListSymbolsResponse(
            as_of=as_of.isoformat(),
            provider=provider,
            simulated=simulated,
            provider_request_total=total,
            cache_hit_count=listed.hit_count,
            notices=listed.notices,
        )
        response.MergeFrom(self._list_message(listed))
        return response

    def _list_message(self, listed: Listed) -> pb.ListSymbolsResponse:
        """Write the columns of a list; those of the last one are kept, since most scans ask for the same."""
        if self._last_list is None or self._last_list[0] is not listed.listings:
            message = pb.ListSymbolsResponse(
                symbols=[listing.symbol for listing in listed.listings],
                names=[listing.name for listing in listed.listings],
                types=[number(listing.type) for listing in listed.listings],
                exchanges=[listing.exchange for listing in listed.listings],
                sectors=[listing.sector for listing in listed.listings],
                market_caps=[listing.market_cap for listing in listed.listings],
                dollar_volumes=listed.dollar_volumes,
            )
            self._last_list = (listed.listings, message)
        return self._last_list[1]

    async def StreamBars(  # noqa: N802  # grpc's name
        self, request: pb.StreamBarsRequest, context: grpc.aio.ServicerContext[Any, pb.StreamBarsResponse]
    ) -> None:
        """Stream the bars of the requested symbols."""
        if not request.symbols or len(request.symbols) > SYMBOL_LIMIT:
            raise InvalidRequestError(f"{len(request.symbols)} symbols: ask for 1 to {SYMBOL_LIMIT}")
        if len(set(request.symbols)) != len(request.symbols):
            raise InvalidRequestError("symbols has duplicates: name each symbol once")

        async def emit(event: SyncState | Panel | Omissions) -> None:
            await context.write(self._message(event))

        with self._bars.activity.busy():
            summary = await self._bars.stream(
                tuple(request.symbols),
                self._bars.resolve(request.as_of),
                request.history_count,
                until=fetch_deadline(context, len(request.symbols)),
                block_size=block_size(max(1, request.history_count)),
                emit=emit,
            )
        message = pb.FetchSummary(
            as_of=summary.as_of.isoformat(),
            sessions_ready=summary.ready_count,
            sessions_wanted=summary.wanted_count,
            provider_request_total=self._bars.request_total,
            refused_bar_count=summary.refused_count,
            eta_seconds=summary.eta_s,
            plan=self._bars.plan,
        )
        await context.write(pb.StreamBarsResponse(summary=message))

    def _message(self, event: SyncState | Panel | Omissions) -> pb.StreamBarsResponse:
        if isinstance(event, Panel):
            response = pb.StreamBarsResponse()
            write_panel(event, response.block)
            return response
        if isinstance(event, SyncState):
            progress = pb.FetchProgress(
                sessions_ready=event.ready_count,
                sessions_wanted=event.wanted_count,
                provider_request_total=self._bars.request_total,
            )
            return pb.StreamBarsResponse(progress=progress)
        return pb.StreamBarsResponse(omissions=pb.OmissionBatch(omissions=omissions_to_messages(event)))
