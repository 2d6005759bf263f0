"""The gateway's RPC: admits scans, runs them, and writes their events."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from services.gateway import messages
from services.gateway.outcome import Accepted, Preview
from services.gateway.progress import Tracker
from services.gateway.request import parse, within
from services.market.errors import BudgetSpentError, OverloadedError
from services.rpc import logs
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import gateway_service_pb2_grpc

if TYPE_CHECKING:
    import grpc

    from services.gateway.request import ScanRequest
    from services.gateway.scan import Scanner
    from services.gateway.scan_metrics import ScanMetrics

TICK_S = 0.2
"""Seconds between two progress messages."""
READ_S = 10.0
"""Seconds after its budget that a caller has for reading the answer; its place is others' then."""
SETTLE_S = 1.0
"""Seconds that a message on its way gets before a call ends without it."""


class GatewayServicer(gateway_service_pb2_grpc.GatewayServiceServicer):
    """Serves `Scanner` as technic.v1.GatewayService.

    Args:
        scanner: runs scans.
        metrics: counts them.
        scan_limit: scans that may run at once; more are told to come again.
        technic_version: version of this software.
    """

    def __init__(self, scanner: Scanner, metrics: ScanMetrics, *, scan_limit: int, technic_version: str) -> None:
        self._scanner = scanner
        self._metrics = metrics
        self._scan_limit = scan_limit
        self._running = 0
        self._technic_version = technic_version

    async def ScanUniverse(  # noqa: N802  # grpc's name
        self, request: pb.ScanUniverseRequest, context: grpc.aio.ServicerContext[Any, pb.ScanUniverseResponse]
    ) -> None:
        """Rank the universe within a time budget."""
        tracker = Tracker()
        with self._metrics.scan():
            parsed = within(parse(request, self._scanner.config), context.time_remaining())
            if self._running >= self._scan_limit:
                raise OverloadedError(f"{self._running} scans are running: ask again in a second", retry_after_s=1.0)
            self._running += 1
            try:
                async with asyncio.timeout(parsed.budget_s + READ_S) as patience:
                    await self._scan(parsed, tracker, context)
            except TimeoutError:
                if not patience.expired():
                    raise
                raise BudgetSpentError("the answer was not read in time: read every message as it comes") from None
            finally:
                self._running -= 1

    async def _scan(
        self, request: ScanRequest, tracker: Tracker, context: grpc.aio.ServicerContext[Any, pb.ScanUniverseResponse]
    ) -> None:
        scan_id = secrets.token_hex(8)
        logs.bind_scan(scan_id)
        writer = _Writer(context)
        write = writer.write

        async def emit(event: Accepted | Preview) -> None:
            if isinstance(event, Accepted):
                await write(messages.accepted(scan_id, event))
            else:
                await write(messages.preview(event, request))

        async def tick() -> None:
            while True:
                await write(messages.progress(tracker.snapshot(), request.budget_s))
                await asyncio.sleep(TICK_S)

        ticking = asyncio.create_task(tick())
        try:
            outcome = await self._scanner.scan(request, tracker, emit)
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            await writer.settle()
        await write(messages.progress(tracker.snapshot(), request.budget_s))
        for batch in messages.row_batches(outcome, request):
            await write(batch)
        tracker.timed("total", 0.0)
        message = messages.result(scan_id, request, outcome, tracker.timings, self._technic_version)
        await write(message)
        self._metrics.answered(message.result, tracker.elapsed(), request.budget_s)


class _Writer:
    """Writes the messages of one call, one after the other and each to its end.

    Two at once would hang the stream, and one that is broken off would end it.
    """

    def __init__(self, context: grpc.aio.ServicerContext[Any, pb.ScanUniverseResponse]) -> None:
        self._context = context
        self._turn = asyncio.Lock()
        self._writing: set[asyncio.Task[None]] = set()

    async def write(self, message: pb.ScanUniverseResponse) -> None:
        """Write a message; whoever is cancelled leaves while it goes out."""
        writing = asyncio.create_task(self._write(message))
        self._writing.add(writing)
        writing.add_done_callback(self._written)
        await asyncio.shield(writing)

    async def settle(self) -> None:
        """Wait for what is on its way: a status that meets a message would hang the stream, too."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=SETTLE_S)

    def _written(self, writing: asyncio.Task[None]) -> None:
        self._writing.discard(writing)
        # Nobody may be left to hear that the caller has gone.
        if not writing.cancelled():
            writing.exception()

    async def _write(self, message: pb.ScanUniverseResponse) -> None:
        async with self._turn:
            await self._context.write(message)
