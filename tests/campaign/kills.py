"""Kills: each service dies by SIGKILL at random moments of a scan, and starts again over whatever it left."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from tests.benchmarks.stacks import SERVICES
from tests.campaign.campaign import GRACE_S, Campaign
from tests.campaign.fleet import FORGETFUL, Fleet, open_fleet
from tests.campaign.scans import Answer, timed_scan
from tests.campaign.table import Row, tally

RUNS: Final = 100
BUDGET_S: Final = 5.0
LATEST_S: Final = {"hot": 0.35, "cold": 2.0}
"""Seconds after the call by which the service dies."""


async def run_kills(campaign: Campaign) -> AsyncIterator[Row]:
    """Kill one service a scan, each in turn, in hot scans and in cold ones."""
    async with open_fleet(campaign.provider, FORGETFUL) as fleet:
        usual = (await timed_scan(fleet, 60.0)).hash
        for state in LATEST_S:
            for name in SERVICES:
                async for row in _killed(campaign, fleet, state, name, usual):
                    yield row


async def _killed(campaign: Campaign, fleet: Fleet, state: str, name: str, usual: str) -> AsyncIterator[Row]:
    runs = campaign.runs_of(RUNS)
    lost, after = [], []
    for number in range(runs):
        if state == "cold":
            await fleet.restart_fetcher(empty=True)
        scan = asyncio.create_task(timed_scan(fleet, BUDGET_S))
        await asyncio.wait((scan,), timeout=campaign.random.uniform(0, LATEST_S[state]))
        fleet.kill(name)
        lost.append(await scan)
        await fleet.start(name)
        after.append(await timed_scan(fleet, 60.0))
        campaign.say(f"{name} killed, {state}: {number + 1} of {runs}, {lost[-1].kind}, then {after[-1].kind}")
    wrong = sorted({answer.fault for answer in lost if answer.fault})
    note = "; ".join((tally(answer.kind for answer in lost), *wrong))
    seconds = [answer.took_s for answer in lost]
    what = f"{name} killed in a {state} scan of {BUDGET_S:g} s"
    yield Row.within(what, "s", seconds, BUDGET_S + GRACE_S, note, fine=not wrong)
    yield _after(f"{name} started again, {state}", after, usual)


def _after(what: str, answers: list[Answer], usual: str) -> Row:
    fine = all(not answer.fault and answer.kind == "whole" and answer.hash == usual for answer in answers)
    seconds = tuple(answer.took_s for answer in answers)
    return Row(what, "s", seconds, "whole, the usual hash", fine, tally(answer.kind for answer in answers))
