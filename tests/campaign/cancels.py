"""Cancels at random moments: the provider is asked nothing for them any more, and nothing is left."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from technic.v1 import gateway_service_pb2 as pb
from tests.campaign.campaign import GRACE_S, Campaign
from tests.campaign.fleet import FORGETFUL, Fleet, call_count, open_fleet
from tests.campaign.growth import Growth
from tests.campaign.scans import timed_scan
from tests.campaign.table import Row

RUNS: Final = 1_000
SAMPLES: Final = 20
LATEST_S: Final = 0.35
"""Seconds after the call by which a hot scan is cancelled; most are over by then."""
REPAIR_RUNS: Final = 100
REPAIRED: Final = 400
"""Symbols that no session has: they are asked for one by one."""
REPAIRING_S: Final = (0.15, 1.0)
"""Seconds after the call within which such a scan is cancelled; it takes longer than that."""
FEW: Final = 10
"""Cancels among single symbols of which some must have come while calls were made."""
LISTEN_S: Final = 0.3
"""Seconds that calls to the provider are listened for, after those that it has to end them."""


async def run_cancels(campaign: Campaign) -> AsyncIterator[Row]:
    """Cancel scans that ask the provider for single symbols, then hot scans of the whole market."""
    async with open_fleet(campaign.provider, FORGETFUL) as fleet:
        usual = (await timed_scan(fleet, 60.0)).hash
        later = [await _cancelled_repair(campaign, fleet, n) for n in range(campaign.runs_of(REPAIR_RUNS))]
        begun = sum(count > 0 for _, count in later)
        note = f"{begun} of them had asked for some by then"
        values = tuple(float(count) for count, _ in later)
        what = f"cancelled among {REPAIRED} symbols: calls begun later than {GRACE_S:g} s after it"
        # A cancel or two may well come before the first call.
        yield Row(what, "calls", values, "<= 0", max(values) <= 0 and (begun > 0 or len(later) < FEW), note)
        async for row in _cancelled_scans(campaign, fleet, usual):
            yield row


async def _cancelled_repair(campaign: Campaign, fleet: Fleet, number: int) -> tuple[int, int]:
    """Return the calls begun when it should have been quiet, and those before."""
    symbols = [f"Q{number}.{count}" for count in range(REPAIRED)]
    before = await call_count(campaign.provider)
    await _cancelled(fleet, campaign.random.uniform(*REPAIRING_S), symbols=symbols)
    await asyncio.sleep(GRACE_S)
    quiet = await call_count(campaign.provider)
    await asyncio.sleep(LISTEN_S)
    return await call_count(campaign.provider) - quiet, quiet - before


async def _cancelled_scans(campaign: Campaign, fleet: Fleet, usual: str) -> AsyncIterator[Row]:
    runs = campaign.runs_of(RUNS)
    growths = [Growth(process.name, process.pid) for process in fleet.processes.values()]
    for number in range(runs + 1):
        if number % max(1, runs // SAMPLES) == 0:
            # Four may run at once: were one of them left behind, whole scans would be refused at last.
            answer = await timed_scan(fleet, 60.0)
            fine = not answer.fault and answer.hash == usual
            for growth in growths:
                growth.look(number)
            campaign.say(f"cancels: {number} of {runs}, then a scan: {answer.kind}, {answer.took_s:.3f} s")
            if not fine:
                break
        await _cancelled(fleet, campaign.random.uniform(0, LATEST_S))
    yield Row("a scan after cancels", "s", (answer.took_s,), "whole, the usual hash", fine, f"{number:,} cancels")
    for growth in growths:
        for row in growth.rows(f"{runs:,} cancels"):
            yield row


async def _cancelled(fleet: Fleet, after_s: float, **fields: Any) -> None:
    """Scan, and cancel the call after some seconds."""

    async def read() -> None:
        async for _ in call:
            pass

    call = fleet.stub.ScanUniverse(pb.ScanUniverseRequest(**fields), timeout=60)
    reading = asyncio.create_task(read())
    await asyncio.wait((reading,), timeout=after_s)
    call.cancel()
    # A call that is being read ends in one of two ways.
    try:
        await reading
    except asyncio.CancelledError:
        pass
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.CANCELLED:
            raise
