"""Calls the gateway."""

from collections.abc import AsyncIterable
from typing import Final, Protocol

from services.cli.answer import Row, ScanReport, ScanStart, ScanStep
from services.cli.convert import to_message, to_report, to_rows, to_start, to_step
from services.cli.options import ScanRequest
from services.cli.target import Target
from services.market.errors import ServiceUnavailableError
from services.rpc.asking import ask
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import gateway_service_pb2_grpc

GRACE_S: Final = 5.0
"""Seconds after the budget by which the gateway must have answered; it promises far less."""


class ScanObserver(Protocol):
    """Is told how a scan goes."""

    def started(self, start: ScanStart) -> None:
        """The gateway understood the request."""

    def stepped(self, step: ScanStep) -> None:
        """The scan has come further."""


async def scan_universe(
    target: Target, request: ScanRequest, observer: ScanObserver, grace_s: float = GRACE_S
) -> ScanReport:
    """Have a gateway scan the universe; however this ends, the scan there ends with it.

    Args:
        target: the gateway.
        request: what it is asked for.
        observer: is told how the scan goes.
        grace_s: seconds after the budget until the call fails.

    Raises:
        TechnicError: as the gateway answers; ServiceUnavailableError if it cannot be reached or breaks off.
    """
    async with target.open() as channel:
        stub = gateway_service_pb2_grpc.GatewayServiceStub(channel)
        message = to_message(request)

        async def scan(within_s: float) -> ScanReport:
            call = stub.ScanUniverse(message, timeout=within_s)
            try:
                return await _collect(call, observer)
            finally:
                call.cancel()

        # A gateway that is going may have left another one behind the same name; none that is there is no news.
        return await ask(channel, f"gateway at {target.address}", request.budget_s + grace_s, scan)


async def _collect(events: AsyncIterable[pb.ScanUniverseResponse], observer: ScanObserver) -> ScanReport:
    rows: list[Row] = []
    shorts: list[Row] = []
    async for event in events:
        match event.WhichOneof("event"):
            case "accepted":
                observer.started(to_start(event.accepted))
            case "progress":
                observer.stepped(to_step(event.progress))
            case "rows" if event.rows.final:
                (shorts if event.rows.shorts else rows).extend(to_rows(event.rows))
            case "result":
                return to_report(event.result, rows, shorts)
    raise ServiceUnavailableError("the gateway ended its answer without a result: see its log")
