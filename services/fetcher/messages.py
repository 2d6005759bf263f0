"""What streams and lists come to, as messages."""

from __future__ import annotations

import secrets
from itertools import starmap
from typing import TYPE_CHECKING

from services.fetcher.stream_events import BarsVersion, EarlyPanel, Event, SymbolState
from services.fetcher.sync import SyncState
from services.market.omission import Omission
from services.market.panel import Panel
from services.rpc.wire import delimited, number, omission_to_message, panel_parts
from technic.v1 import fetcher_service_pb2 as pb

if TYPE_CHECKING:
    from services.fetcher.bars import Bars
    from services.fetcher.plan import FetchPlan
    from services.fetcher.reference.symbol_list import Listed
    from services.fetcher.source import Listing
    from services.fetcher.stream_events import StreamSummary


def list_message(listed: Listed) -> pb.ListSymbolsResponse:
    """Write the columns of a list."""
    return pb.ListSymbolsResponse(
        symbols=[listing.symbol for listing in listed.listings],
        names=[listing.name for listing in listed.listings],
        types=[number(listing.type) for listing in listed.listings],
        exchanges=[listing.exchange for listing in listed.listings],
        sectors=[listing.sector for listing in listed.listings],
        market_caps=[listing.market_cap for listing in listed.listings],
        industries=[listing.industry for listing in listed.listings],
        dollar_volumes=listed.dollar_volumes,
    )


class ListColumns:
    """The columns of the list that was asked for last, under a version: most scans ask for that of the scan before."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(8)
        self._count = 0
        self._listings: tuple[Listing, ...] | None = None
        self._message = pb.ListSymbolsResponse()

    def fill(self, response: pb.ListSymbolsResponse, listed: Listed, known_version: str) -> None:
        """Put a list's version into a response and, unless the caller knows it, its columns."""
        if self._listings is not listed.listings:
            self._count += 1
            self._listings, self._message = listed.listings, list_message(listed)
            self._message.version = f"{self._start}-{self._count}"
        if known_version == self._message.version:
            response.version = known_version
        else:
            response.MergeFrom(self._message)


Outgoing = Panel | EarlyPanel | pb.StreamBarsResponse
"""What a stream of bars writes."""


def outgoing(event: Event, request_total: int) -> Outgoing:
    """Turn what a stream emits into what `to_bytes` takes: a message, or a panel as it is.

    Args:
        event: what goes out.
        request_total: calls to the provider since the service started.
    """
    if isinstance(event, Panel | EarlyPanel):
        return event
    if isinstance(event, BarsVersion):
        return pb.StreamBarsResponse(version=pb.BarsVersion(version=event.version))
    if isinstance(event, SyncState):
        progress = pb.FetchProgress(sessions_ready=event.ready_count, sessions_wanted=event.wanted_count)
    elif isinstance(event, SymbolState):
        progress = pb.FetchProgress(symbols_ready=event.ready_count, symbols_wanted=event.wanted_count)
    else:
        omissions = map(omission_to_message, starmap(Omission, event))
        return pb.StreamBarsResponse(omissions=pb.OmissionBatch(omissions=omissions))
    progress.provider_request_total = request_total
    return pb.StreamBarsResponse(progress=progress)


def to_bytes(event: Outgoing) -> bytes:
    """Serialise what goes out on a stream; a panel becomes the response with its block."""
    if isinstance(event, Panel):
        return b"".join(delimited(pb.StreamBarsResponse.BLOCK_FIELD_NUMBER, *panel_parts(event)))
    if isinstance(event, EarlyPanel):
        return b"".join(delimited(pb.StreamBarsResponse.EARLY_BLOCK_FIELD_NUMBER, *panel_parts(event.panel)))
    return event.SerializeToString()


def summary_message(summary: StreamSummary, bars: Bars) -> pb.FetchSummary:
    """Write what a stream came to."""
    return pb.FetchSummary(
        as_of=summary.as_of.isoformat(),
        sessions_ready=summary.ready_count,
        sessions_wanted=summary.wanted_count,
        provider_request_total=bars.request_total,
        refused_bar_count=summary.refused_count,
        eta_seconds=summary.eta_s,
        plan=bars.plan,
        fetch_plan=plan_message(summary.plan),
        memory_hit_count=len(summary.holding.memory),
        store_hit_count=len(summary.holding.stored),
        restated_symbols=summary.restated,
    )


def plan_message(plan: FetchPlan) -> pb.FetchPlan:
    """Write what is to be asked of the source."""
    return pb.FetchPlan(
        session_call_count=len(plan.sessions),
        symbol_call_count=len(plan.symbols),
        reason=plan.reason,
        least_seconds=plan.least_s,
    )
