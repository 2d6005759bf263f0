"""The fetcher's RPCs about its store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from services.fetcher.deadlines import deadline
from technic.v1 import fetcher_service_pb2 as pb

if TYPE_CHECKING:
    import grpc

    from services.fetcher.bars import Bars
    from services.fetcher.store.inspection import Verified
    from services.fetcher.store.quarantine import QuarantinedRow
    from services.fetcher.sync import SyncState

SYNC_DEADLINE_S: Final = 24 * 3600.0
"""Seconds that a sync without a deadline may take: 2,000 sessions on the slowest plan take 7 hours."""
DEFAULT_HISTORY: Final = 300
"""Sessions of a window that does not say how many."""


class StoreRpcs:
    """The part of `FetcherServicer` that fills the store and tells and checks what is in it."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

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
        with self._bars.activity.busy():
            await self._bars.stored.run(as_of, count, until=deadline(context, default_s=SYNC_DEADLINE_S), report=report)

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
            quarantined_rows=map(_row_message, found.status.quarantined),
            retention_count=found.status.retention,
            restated_bar_count=found.status.restated_count,
        )

    async def VerifyStore(  # noqa: N802  # grpc's name
        self,
        request: pb.VerifyStoreRequest,  # noqa: ARG002  # it asks for everything
        context: grpc.aio.ServicerContext[Any, pb.VerifyStoreResponse],
    ) -> None:
        """Check everything that is stored, telling how far that has come."""

        async def report(state: Verified) -> None:
            message = pb.VerifyStoreResponse(
                checked_count=state.checked_count,
                total_count=state.total_count,
                damaged_rows=map(_row_message, state.damaged),
                done=state.done,
            )
            await context.write(message)

        await self._bars.stored.verify(report)


def _row_message(row: QuarantinedRow) -> pb.QuarantinedRow:
    return pb.QuarantinedRow(row=row.name, found_at=row.found_at, damage=row.damage)
