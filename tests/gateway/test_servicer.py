"""The gateway's writing: one message at a time, whoever has something to say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.duration_pb2 import Duration
from prometheus_client import CollectorRegistry

from services.gateway.clients import FetchState
from services.gateway.conclude import conclude, gather, judge
from services.gateway.ledger import Ledger
from services.gateway.outcome import Accepted, Outcome
from services.gateway.scan_metrics import ScanMetrics
from services.gateway.scored import NOTHING, Scored
from services.gateway.servicer import GatewayServicer
from services.gateway.universe import Coverage, Listing, Universe
from services.market.errors import BudgetSpentError
from services.market.regime import Regime
from services.market.scoring import ScoringConfig
from technic.v1 import gateway_service_pb2 as pb

if TYPE_CHECKING:
    from services.gateway.request import ScanRequest

LISTING = Listing("2025-09-30", "simulated", simulated=True, attributes={}, request_total=0, hit_count=0)


class JealousContext:
    """A context that, like grpc's, must not be written to twice at once, nor after a write that was broken off."""

    def __init__(self) -> None:
        self.kinds: list[str | None] = []
        self._writing = False

    def time_remaining(self) -> None:
        """Have no deadline."""

    async def write(self, message: pb.ScanUniverseResponse) -> None:
        """Take a message, slowly."""
        assert not self._writing
        self._writing = True
        for _ in range(3):
            await asyncio.sleep(0)
        self._writing = False
        self.kinds.append(message.WhichOneof("event"))


class TalkativeScanner:
    """Accepts a hundred times at once, and then fails."""

    config = ScoringConfig.load()

    async def scan(self, request: Any, tracker: Any, accept: Any) -> None:  # noqa: ARG002  # the scanner's signature
        """Talk."""
        await asyncio.gather(*(accept(Accepted(LISTING, 1)) for _ in range(100)))
        raise BudgetSpentError("that was all")


class BriefScanner:
    """Finds nothing, while the first progress is still being written."""

    config = ScoringConfig.load()

    async def scan(self, request: ScanRequest, tracker: Any, emit: Any) -> Outcome:  # noqa: ARG002  # the scanner's
        """Return at once."""
        await asyncio.sleep(0)
        candidates = gather(request, Scored(), (), {}, NOTHING)
        ended = conclude(judge(request, self.config, candidates), Ledger(()))
        return Outcome(
            listing=LISTING,
            universe=Universe((), (), Coverage(0, 0, 0, 0, 0, 0)),
            candidates=ended.candidates,
            ranking=ended.ranking,
            plans=None,
            horizon=10,
            omissions=(),
            regime=Regime(),
            fetch=FetchState(0, 0, 0),
            versions={},
            hash="",
            notices=(),
        )


def serving(scanner: Any) -> GatewayServicer:
    return GatewayServicer(scanner, ScanMetrics(CollectorRegistry()), scan_limit=1, technic_version="0")


async def test_progress_that_is_being_written_is_not_broken_off() -> None:
    context = JealousContext()
    servicer = serving(BriefScanner())
    await servicer.ScanUniverse(pb.ScanUniverseRequest(), context)  # type: ignore[arg-type]  # a fake
    assert context.kinds == ["progress", "progress", "rows", "result"]


class FailingScanner(BriefScanner):
    """Fails while the first progress is still being written."""

    async def scan(self, request: ScanRequest, tracker: Any, emit: Any) -> Outcome:  # noqa: ARG002  # the scanner's
        """Fail at once."""
        await asyncio.sleep(0)
        raise BudgetSpentError("at once")


async def test_an_error_waits_for_the_progress_that_is_being_written() -> None:
    context = JealousContext()
    with pytest.raises(BudgetSpentError, match="at once"):
        await serving(FailingScanner()).ScanUniverse(pb.ScanUniverseRequest(), context)  # type: ignore[arg-type]  # a fake
    assert context.kinds == ["progress"]


async def test_two_writes_never_meet() -> None:
    context = JealousContext()
    servicer = serving(TalkativeScanner())
    with pytest.raises(BudgetSpentError):
        await servicer.ScanUniverse(pb.ScanUniverseRequest(), context)  # type: ignore[arg-type]  # a fake
    assert context.kinds.count("accepted") == 100
    assert "progress" in context.kinds


class DeafContext(JealousContext):
    """A caller that reads nothing until `reads` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = asyncio.Event()

    async def write(self, message: pb.ScanUniverseResponse) -> None:
        """Wait for the caller."""
        await self.reads.wait()
        await super().write(message)


async def test_a_caller_that_does_not_read_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.servicer.READ_S", 0.0)
    monkeypatch.setattr("services.gateway.servicer.SETTLE_S", 0.01)
    servicer, request = serving(BriefScanner()), pb.ScanUniverseRequest(budget=Duration(nanos=100_000_000))
    for _ in range(2):
        deaf = DeafContext()
        with pytest.raises(BudgetSpentError, match="not read in time"):
            await servicer.ScanUniverse(request, deaf)  # type: ignore[arg-type]  # a fake
        deaf.reads.set()
    context = JealousContext()
    await servicer.ScanUniverse(pb.ScanUniverseRequest(), context)  # type: ignore[arg-type]  # a fake
    assert context.kinds[-1] == "result"


async def test_a_scan_that_failed_makes_room_for_the_next() -> None:
    servicer = serving(TalkativeScanner())
    for _ in range(3):
        with pytest.raises(BudgetSpentError):
            await servicer.ScanUniverse(pb.ScanUniverseRequest(), JealousContext())  # type: ignore[arg-type]  # a fake
