"""The fetcher's RPCs: converts messages and calls the core."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from services.fetcher.sync import SyncState
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
DEFAULT_DEADLINE_S = 300.0
"""Seconds that a call without a deadline may take."""
SYNC_DEADLINE_S = 24 * 3600.0
"""Seconds that a sync without a deadline may take: 2,000 sessions on the slowest plan take 7 hours."""
LISTING_SHARE = 0.5
"""Share of a call's time that the reference list is waited for."""
DEFAULT_HISTORY = 300
"""Sessions of a window that does not say how many."""


class FetcherServicer(fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Serves `Bars` as technic.v1.FetcherService."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._last_list: tuple[tuple[Listing, ...], pb.ListSymbolsResponse] | None = None

    async def ListSymbols(  # noqa: N802  # grpc's name
        self,
        request: pb.ListSymbolsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> pb.ListSymbolsResponse:
        """List the symbols of a session, most liquid first."""
        total = self._bars.request_total
        as_of = self._bars.resolve(request.as_of)
        until = _deadline(context, LISTING_SHARE)
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
            eta_seconds=summary.eta_s,
            plan=self._bars.plan,
        )
        await context.write(pb.StreamBarsResponse(summary=message))

    async def SyncStore(  # noqa: N802  # grpc's name
        self, request: pb.SyncStoreRequest, context: grpc.aio.ServicerContext[Any, pb.SyncStoreResponse]
    ) -> None:
        """Fill the store, telling how far it has come."""
        total_before = self._bars.request_total
        as_of = self._bars.resolve(request.as_of)
        provider, simulated = self._bars.provider

        async def report(state: SyncState) -> None:
            message = pb.SyncStoreResponse(
                as_of=as_of.isoformat(),
                provider=provider,
                simulated=simulated,
                plan=self._bars.plan,
                sessions_ready=state.ready_count,
                sessions_wanted=state.wanted_count,
                provider_request_count=self._bars.request_total - total_before,
                eta_seconds=state.eta_s,
            )
            await context.write(message)

        count = request.history_count or DEFAULT_HISTORY
        await self._bars.stored.run(as_of, count, until=_deadline(context, default_s=SYNC_DEADLINE_S), report=report)

    async def GetStoreStatus(  # noqa: N802  # grpc's name
        self,
        request: pb.GetStoreStatusRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002  # fixed
    ) -> pb.GetStoreStatusResponse:
        """Tell what is stored."""
        found = await self._bars.stored.holes(request.history_count or DEFAULT_HISTORY)
        provider, simulated = self._bars.provider
        sessions = [session.isoformat() for session in found.status.sessions]
        return pb.GetStoreStatusResponse(
            provider=provider,
            simulated=simulated,
            path=str(found.status.path),
            byte_count=found.status.byte_count,
            session_count=len(sessions),
            first_session=sessions[0] if sessions else "",
            last_session=sessions[-1] if sessions else "",
            symbol_count=found.status.symbol_count,
            newest_session=found.newest.isoformat(),
            missing_sessions=[session.isoformat() for session in found.missing],
        )

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


def _left(context: grpc.aio.ServicerContext[Any, Any], default_s: float) -> float:
    left = context.time_remaining()
    return default_s if left is None else left


def _deadline(
    context: grpc.aio.ServicerContext[Any, Any], share: float = 1.0, default_s: float = DEFAULT_DEADLINE_S
) -> float:
    """Return the loop's time when a share of what is left of the call's time is over."""
    return asyncio.get_running_loop().time() + share * _left(context, default_s)


def _fetch_deadline(context: grpc.aio.ServicerContext[Any, Any], symbol_count: int) -> float:
    """Return the loop's time at which fetching must end, so that what is there can still be sent and scored."""
    left = _left(context, DEFAULT_DEADLINE_S)
    sending = min(0.3 * left, 0.3 + 0.0002 * symbol_count)
    return asyncio.get_running_loop().time() + left - sending
