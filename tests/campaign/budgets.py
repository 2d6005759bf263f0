"""Budgets: the final message comes in time, whatever the services have at hand and whatever the provider does."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

from tests.campaign.campaign import GRACE_S, Campaign
from tests.campaign.fleet import FORGETFUL, Fleet, open_fleet, set_faults
from tests.campaign.scans import Answer, timed_scan
from tests.campaign.table import Row, tally

RUNS: Final = {0.3: 300, 1.0: 300, 3.0: 300, 10.0: 100, 60.0: 30}
"""Runs by budget in seconds."""
FRESH_RUNS: Final = {0.3: 300, 1.0: 300, 3.0: 300, 10.0: 20, 60.0: 5}
"""Runs where the fetcher starts anew for each, and faults may last as long as the budget."""
FAULTS: Final[Mapping[str, tuple[Mapping[str, object], ...]]] = {
    "hang": ({"kind": "slow", "seconds": 70},),
    "hang after 75 sessions": ({"kind": "slow", "seconds": 70, "path": "/v2/aggs/grouped", "after": 75},),
    "503": ({"kind": "status", "status": 503},),
    "429": ({"kind": "status", "status": 429, "retry_after": 2, "times": 50},),
    "drip": ({"kind": "drip", "seconds": 2},),
    "reset": ({"kind": "reset", "times": 100},),
    "half a body": ({"kind": "truncated", "path": "/v2/aggs/grouped", "times": 100},),
    "HTML": ({"kind": "html", "after": 20, "times": 200},),
}
REPEATED: Final = "repeated"
STATES: Final[Mapping[str, Mapping[str, str]]] = {"hot": FORGETFUL, REPEATED: {}, "warm": FORGETFUL, "cold": FORGETFUL}
"""What scans start from, and the settings of services for that: bars in memory, so that all is scored anew, or is found
in memory, too; the fetcher just started, over a full store or over an empty one."""


async def run_budgets(campaign: Campaign) -> AsyncIterator[Row]:
    """Scan from every state under every budget, without faults and with them."""
    for state in campaign.states:
        async with open_fleet(campaign.provider, STATES[state]) as fleet:
            usual = (await timed_scan(fleet, 60.0)).hash
            for budget_s in campaign.budgets_s:
                for faulty in (False, True):
                    yield await _measure(campaign, fleet, state, budget_s, usual, faulty=faulty)


async def _measure(campaign: Campaign, fleet: Fleet, state: str, budget_s: float, usual: str, *, faulty: bool) -> Row:
    fresh = state in {"warm", "cold"}
    runs = campaign.runs_of((FRESH_RUNS if fresh else RUNS)[budget_s])
    what = f"{state}, {budget_s:g} s" + (", faults" if faulty else "")
    answers = []
    for number in range(runs):
        if fresh:
            await set_faults(campaign.provider)
            await fleet.restart_fetcher(empty=state == "cold")
        if faulty:
            await set_faults(campaign.provider, *FAULTS[campaign.random.choice(sorted(FAULTS))])
        answers.append(await timed_scan(fleet, budget_s))
        if number % 25 == 0:
            campaign.say(f"{what}: {number + 1} of {runs}, {answers[-1].took_s:.3f} s, {answers[-1].kind}")
    await set_faults(campaign.provider)
    return _row(what, answers, budget_s, usual)


def _row(what: str, answers: list[Answer], budget_s: float, usual: str) -> Row:
    wrong = {answer.fault for answer in answers if answer.fault}
    wrong |= {"another hash" for answer in answers if answer.kind == "whole" and answer.hash != usual}
    note = "; ".join((tally(answer.kind for answer in answers), *sorted(wrong)))
    seconds = [answer.took_s for answer in answers]
    return Row.within(what, "s", seconds, round(budget_s + GRACE_S, 3), note, fine=not wrong)
