"""A soak: hot scans one after the other, with what the services' memory and descriptors do meanwhile."""

from collections.abc import AsyncIterator
from typing import Final

from tests.campaign.campaign import Campaign
from tests.campaign.fleet import FORGETFUL, open_fleet
from tests.campaign.growth import Growth
from tests.campaign.scans import timed_scan
from tests.campaign.table import Row, tally

RUNS: Final = 10_000
SAMPLES: Final = 40
BUDGET_S: Final = 60.0


async def run_soak(campaign: Campaign) -> AsyncIterator[Row]:
    """Scan again and again; every scan is scored anew and comes to the same result."""
    runs = campaign.runs_of(RUNS)
    async with open_fleet(campaign.provider, FORGETFUL) as fleet:
        usual = (await timed_scan(fleet, BUDGET_S)).hash
        growths = [Growth(process.name, process.pid) for process in fleet.processes.values()]
        answers = []
        for number in range(runs):
            answers.append(await timed_scan(fleet, BUDGET_S))
            if number % max(1, runs // SAMPLES) == 0:
                for growth in growths:
                    growth.look(number)
                campaign.say(f"soak: {number + 1} of {runs}, {answers[-1].took_s:.3f} s, {answers[-1].kind}")
        fine = all(not answer.fault and answer.hash == usual for answer in answers)
        seconds = tuple(answer.took_s for answer in answers)
        yield Row("soak: hot scans", "s", seconds, "the usual hash", fine, tally(answer.kind for answer in answers))
        for growth in growths:
            for row in growth.rows(f"soak of {runs:,}"):
                yield row
