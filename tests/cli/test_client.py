"""Calling the gateway."""

import asyncio
from pathlib import Path

import pytest

from services.cli.answer import ScanStart, ScanStep
from services.cli.client import scan_universe
from services.cli.options import ScanRequest
from services.cli.target import Target
from services.market import errors
from tests.cli import scripted
from tests.cli.conftest import Gateway


class Watcher:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.starts: list[ScanStart] = []
        self.steps: list[ScanStep] = []
        self.moving = asyncio.Event()

    def started(self, start: ScanStart) -> None:
        """Remember the start."""
        self.starts.append(start)

    def stepped(self, step: ScanStep) -> None:
        """Remember the step."""
        self.moving.set()
        self.steps.append(step)


async def test_a_scan_is_told_as_it_goes_and_reported_at_the_end(gateway: Gateway) -> None:
    watcher = Watcher()
    report = await scan_universe(Target(gateway.address), ScanRequest(), watcher)
    assert [start.requested_count for start in watcher.starts] == [5]
    assert [step.stage for step in watcher.steps] == ["fetch", "fetch", "score", "rank"]
    assert [(row.rank, row.symbol) for row in report.rows] == [(1, "AAA"), (2, "BRK.B"), (3, "ZZZ")]
    assert report.requested_count == report.scored_count + report.omitted_count


async def test_provisional_rows_are_no_rows_of_the_report(gateway: Gateway) -> None:
    report = await scan_universe(Target(gateway.address), ScanRequest(("EMPTY",)), Watcher())
    assert report.rows == ()


@pytest.mark.parametrize("reason", sorted(scripted.ERRORS))
async def test_the_gateways_errors_arrive_as_they_were_raised(gateway: Gateway, reason: str) -> None:
    with pytest.raises(type(scripted.ERRORS[reason]), match="it is so") as caught:
        await scan_universe(Target(gateway.address), ScanRequest((reason,)), Watcher())
    assert caught.value.reason == reason


async def test_an_answer_without_a_result_is_an_error(gateway: Gateway) -> None:
    with pytest.raises(errors.ServiceUnavailableError, match="without a result"):
        await scan_universe(Target(gateway.address), ScanRequest(("CUT",)), Watcher())


async def test_a_gateway_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ServiceUnavailableError, match="nowhere"):
        await scan_universe(Target(f"unix:{tmp_path}/nowhere"), ScanRequest(), Watcher())


async def test_a_gateway_that_never_answers_is_given_up_after_the_budget(gateway: Gateway) -> None:
    with pytest.raises(errors.BudgetSpentError):
        await scan_universe(Target(gateway.address), ScanRequest(("HANG",), budget_s=0.1), Watcher(), grace_s=0.1)


async def test_cancelling_ends_the_scan_at_the_gateway(gateway: Gateway) -> None:
    watcher = Watcher()
    scan = asyncio.create_task(scan_universe(Target(gateway.address), ScanRequest(("HANG",)), watcher))
    async with asyncio.timeout(5):
        await watcher.moving.wait()
        scan.cancel()
        await gateway.script.cancelled.wait()
    with pytest.raises(asyncio.CancelledError):
        await scan
