"""The fetcher's RPCs: converts messages and calls the core."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from services.fetcher.sync import SyncState
from services.market.errors import InvalidRequestError
from services.market.panel import Panel
from services.rpc.wire import block_from_panel, block_size, number, omissions_to_messages
from technic.v1 import fetcher_service_pb2 as pb
from technic.v1 import fetcher_service_pb2_grpc

if TYPE_CHECKING:
    import grpc

    from services.fetcher.bars import Bars, Omissions

SYMBOL_LIMIT = 25_000
"""Symbols of one call: the 20,000 of a scan, and what the scorer adds for context."""
DEFAULT_DEADLINE_S = 300.0
"""Seconds that a call without a deadline may take."""


class FetcherServicer(fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Serves `Bars` as technic.v1.FetcherService."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    async def ListSymbols(  # noqa: N802  # grpc's name
        self,
        request: pb.ListSymbolsRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002  # fixed
    ) -> pb.ListSymbolsResponse:
        """List the symbols of a session, most liquid first."""
        total = self._bars.request_total
        as_of = self._bars.resolve(request.as_of)
        listed = await self._bars.listed(as_of, request.history_count)
        provider, simulated = self._bars.provider
        return pb.ListSymbolsResponse(
            as_of=as_of.isoformat(),
            provider=provider,
            simulated=simulated,
            symbols=[listing.symbol for listing in listed.listings],
            names=[listing.name for listing in listed.listings],
            types=[number(listing.type) for listing in listed.listings],
            exchanges=[listing.exchange for listing in listed.listings],
            sectors=[listing.sector for listing in listed.listings],
            market_caps=[listing.market_cap for listing in listed.listings],
            dollar_volumes=listed.dollar_volumes,
            provider_request_total=total,
            cache_hit_count=listed.hit_count,
        )

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

        summary = await self._bars.stream(
            tuple(request.symbols),
            self._bars.resolve(request.as_of),
            request.history_count,
            until=_fetch_deadline(context, len(request.symbols)),
            block_size=block_size(max(1, request.history_count)),
            emit=emit,
        )
        message = pb.FetchSummary(
            as_of=summary.as_of.isoformat(),
            sessions_ready=summary.ready_count,
            sessions_wanted=summary.wanted_count,
            provider_request_total=self._bars.request_total,
            refused_bar_count=summary.refused_count,
        )
        await context.write(pb.StreamBarsResponse(summary=message))

    def _message(self, event: SyncState | Panel | Omissions) -> pb.StreamBarsResponse:
        if isinstance(event, Panel):
            return pb.StreamBarsResponse(block=block_from_panel(event))
        if isinstance(event, SyncState):
            progress = pb.FetchProgress(
                sessions_ready=event.ready_count,
                sessions_wanted=event.wanted_count,
                provider_request_total=self._bars.request_total,
            )
            return pb.StreamBarsResponse(progress=progress)
        return pb.StreamBarsResponse(omissions=pb.OmissionBatch(omissions=omissions_to_messages(event)))


def _fetch_deadline(context: grpc.aio.ServicerContext[Any, Any], symbol_count: int) -> float:
    """Return the loop's time at which fetching must end, so that what is there can still be sent and scored."""
    left = context.time_remaining()
    left = DEFAULT_DEADLINE_S if left is None else left
    sending = min(0.3 * left, 0.3 + 0.0002 * symbol_count)
    return asyncio.get_running_loop().time() + left - sending
