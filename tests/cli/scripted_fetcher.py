"""A fetcher whose store fills as the first requested session tells it to."""

import asyncio
from typing import Any

import grpc

from services.market.errors import LocalDataError, ProviderAuthError
from technic.v1 import fetcher_service_pb2 as pb
from technic.v1 import fetcher_service_pb2_grpc

FULL = 300
SCRIPTS = {"2025-01-02": LocalDataError("the disk is full"), "2025-01-03": ProviderAuthError("the key is refused")}
"""How a sync as of these days fails; as of 2025-01-06 it hangs, as of 2025-01-07 it is cut."""


class ScriptedFetcher(fetcher_service_pb2_grpc.FetcherServiceServicer):
    """Stores sessions on request, and counts a call for each that is new."""

    def __init__(self) -> None:
        self.requests: list[pb.SyncStoreRequest] = []
        self.cancelled = asyncio.Event()
        self.path = "/home/stores/bars.sqlite3"
        self.damaged: list[pb.QuarantinedRow] = []
        self.is_cut = False
        self._stored = 0

    async def SyncStore(  # noqa: N802  # the method's name in the proto
        self, request: pb.SyncStoreRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        """Play the script."""
        self.requests.append(request)
        if request.as_of in SCRIPTS:
            raise SCRIPTS[request.as_of]
        calls = FULL - self._stored
        await context.write(self._state(self._stored, 0))
        try:
            await asyncio.sleep(60 if request.as_of == "2025-01-06" else 0)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if request.as_of != "2025-01-07":
            self._stored = FULL
            await context.write(self._state(FULL, calls))

    async def GetStoreStatus(  # noqa: N802  # the method's name in the proto
        self, request: pb.GetStoreStatusRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetStoreStatusResponse:
        """Tell of a store with two holes."""
        del context
        return pb.GetStoreStatusResponse(
            provider="simulated",
            simulated=True,
            path=self.path,
            byte_count=1_500_000,
            session_count=request.history_count - 2,
            first_session="2024-07-22",
            last_session="2025-09-26",
            symbol_count=12_500,
            newest_session="2025-09-30",
            missing_sessions=["2025-09-29", "2025-09-30"],
            quarantined_rows=self.damaged,
            retention_count=2000,
            restated_bar_count=1234,
        )

    async def VerifyStore(  # noqa: N802  # the method's name in the proto
        self, request: pb.VerifyStoreRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        """Check a hundred rows."""
        del request
        await context.write(pb.VerifyStoreResponse(total_count=100))
        if not self.is_cut:
            await context.write(
                pb.VerifyStoreResponse(checked_count=100, total_count=100, damaged_rows=self.damaged, done=True)
            )

    def _state(self, ready_count: int, request_count: int) -> pb.SyncStoreResponse:
        return pb.SyncStoreResponse(
            as_of="2025-09-30",
            provider="simulated",
            simulated=True,
            plan="basic",
            sessions_ready=ready_count,
            sessions_wanted=FULL,
            provider_request_count=request_count,
            eta_seconds=3600.0 if ready_count < FULL else None,
        )
