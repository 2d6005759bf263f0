"""The scorer's call to the fetcher: bars as panels, in the order asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from services.market.errors import MalformedAnswerError
from services.market.omission import Omission
from services.market.panel import Panel
from services.rpc.asking import left_once_connected
from services.rpc.logs import scan_metadata
from services.rpc.status import from_peer
from services.rpc.wire import omission_from_message, panel_from_block
from technic.v1 import fetcher_service_pb2, fetcher_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class BarRequest:
    """Which bars are asked for.

    Attributes:
        symbols: without duplicates; their bars come in this order.
        as_of: ISO date of the last session; empty for the newest completed one.
        history_count: sessions, ending with as_of.
        include_running: whether as_of may be the session that runs now.
        known_version: that of panels which are here already, and are left out; empty for none.
        include_early: whether early panels are of use while sessions are missing.
    """

    symbols: Sequence[str]
    as_of: str
    history_count: int
    include_running: bool = False
    known_version: str = ""
    include_early: bool = False


@dataclass(frozen=True, slots=True)
class FetchState:
    """How far the fetcher is; passed on as it is."""

    message: fetcher_service_pb2.FetchProgress


@dataclass(frozen=True, slots=True)
class BarsVersion:
    """The fetcher's name for the panels so far; if it is the one that the caller knows, they were left out."""

    version: str


@dataclass(frozen=True, slots=True)
class EarlyPanel:
    """A panel that lacks sessions which are still to come: its symbols come again."""

    panel: Panel


@dataclass(frozen=True, slots=True)
class FetchEnd:
    """What the fetcher's work came to; passed on as it is."""

    message: fetcher_service_pb2.FetchSummary


Event = FetchState | Panel | EarlyPanel | BarsVersion | tuple[Omission, ...]
"""What comes on a stream of bars: progress, panels, early ones, the version of panels, omissions."""
Take = Callable[[Event], Awaitable[None]]


class BarClient:
    """Asks the fetcher for bars."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)

    async def stream(self, request: BarRequest, within_s: float, take: Take) -> FetchEnd:
        """Give what comes to `take`, in order; return the end.

        Raises:
            TechnicError: what the fetcher raised, or that it cannot be reached.
        """
        message = fetcher_service_pb2.StreamBarsRequest(
            symbols=request.symbols,
            as_of=request.as_of,
            history_count=request.history_count,
            include_running=request.include_running,
            known_version=request.known_version,
            include_early=request.include_early,
        )
        left_s = await left_once_connected(self._channel, within_s)
        call = self._stub.StreamBars(message, timeout=left_s, metadata=scan_metadata())
        try:
            async for event in call:
                kind = event.WhichOneof("event")
                if kind == "block":
                    await take(panel_from_block(event.block))
                elif kind == "progress":
                    await take(FetchState(event.progress))
                elif kind == "early_block":
                    await take(EarlyPanel(panel_from_block(event.early_block)))
                elif kind == "version":
                    await take(BarsVersion(event.version.version))
                elif kind == "omissions":
                    await take(tuple(map(omission_from_message, event.omissions.omissions)))
                elif kind == "summary":
                    return FetchEnd(event.summary)
        except grpc.aio.AioRpcError as error:
            raise from_peer(error, "fetcher") from None
        finally:
            call.cancel()
        raise MalformedAnswerError("the fetcher ended its answer without a summary")
