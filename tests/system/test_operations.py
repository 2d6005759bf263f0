"""Every command and every metric of docs/operations.md, against four services as processes."""

import asyncio
import re
import shlex
import sys
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.simulator.market import Market
from tests.system.conftest import simulated
from tests.system.replicas import SERVICES, Fleet, fleet_of, free_address
from tests.system.test_readme import BIN, ROOT, Ran, run
from tests.system.test_rolling import CLIENT_OPTIONS

pytestmark = pytest.mark.system

GUIDE = (ROOT / "docs" / "operations.md").read_text()
PORTS = {"gateway": 50051, "fetcher": 50052, "scorer": 50053, "inference": 50054}
METRICS = {"gateway": 9101, "fetcher": 9102, "scorer": 9103, "inference": 9104}


@dataclass
class Running:
    """A fleet, where its metrics are, and the id of a scan that it made."""

    fleet: Fleet
    metrics: dict[str, str]
    scan_id: str = ""

    def put_in(self, command: str) -> list[str]:
        """Put our addresses in the place of the standard ones, and our folder in that of the home."""
        for name in SERVICES:
            command = command.replace(f"localhost:{PORTS[name]}", self.fleet.replicas[name][0].address)
            command = command.replace(f"localhost:{METRICS[name]}", self.metrics[name])
        command = command.replace("~/.local/share/technic/logs/gateway.log", str(self.fleet.replicas["gateway"][0].log))
        words = shlex.split(command.replace("SCAN_ID", self.scan_id))
        if words[0] == "python":
            return [sys.executable, *words[1:]]
        if "--all" in words:
            for name in SERVICES:
                words += ["--address", f"{name}={self.fleet.replicas[name][0].address}"]
        own = BIN / words[0]
        return [str(own) if own.exists() else words[0], *words[1:]]


@pytest.fixture(scope="module")
async def running(market: Market, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    metrics = {name: free_address() for name in SERVICES}
    settings = {f"{name.upper()}_METRICS_ADDRESS": address for name, address in metrics.items()}
    folder = tmp_path_factory.mktemp("operations")
    async with simulated(market) as url, fleet_of(folder, url, {}, settings) as fleet:
        made = Running(fleet, metrics)
        ran = await run(*made.put_in("technic scan --gateway localhost:50051 --format json"))
        assert ran.code == 0, ran.err
        found = re.search(r'"scan_id": ?"([0-9a-f]+)"', ran.out)
        assert found
        made.scan_id = found[1]
        yield made


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    section = GUIDE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


COMMANDS = [row[1].strip("`") for row in rows("Symptom, command, cure")]
EXPECTED = {
    "health --all": "SERVING",
    "health --address": "SERVING",
    "9102": "technic_provider_failing 0.0",
    "9101": "technic_scans_running 0.0",
    "--symbols SPY": "SPY",
    "data status": "300",
    "data sync": "are stored",
    "data verify": "all as they were written",
    "RepositoryIndex": '"READY"',
    "--format json": '"timings"',
    "GetCacheStats": '"byte_limit"',
    "grep": "scan_id",
    "--print-config": '"address"',
}
"""What a command prints, by a part of it."""


async def ran_of(command: str, running: Running) -> Ran:
    words = running.put_in(command)
    if words[0] != "curl":
        return await run(*words)
    # Not every machine has curl; what it would do is this.
    with await asyncio.to_thread(urllib.request.urlopen, words[-1], None, 10) as answer:
        return Ran(0, answer.read().decode(), "")


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_of_the_guide_works(command: str, running: Running) -> None:
    ran = await ran_of(command, running)
    assert ran.code == 0, ran.err
    assert next(text for part, text in EXPECTED.items() if part in command) in ran.out + ran.err


async def test_the_guide_names_every_metric_that_there_is_and_no_other(running: Running) -> None:
    named: dict[str, set[str]] = {name: set() for name in SERVICES}
    for metrics, services, _ in rows("Metrics"):
        for name in SERVICES if services == "all" else [services]:
            named[name] |= set(re.findall(r"`([a-z_]+)`", metrics))
    for name in SERVICES:
        with await asyncio.to_thread(urllib.request.urlopen, f"http://{running.metrics[name]}/metrics") as answer:
            kinds = re.findall(r"^# TYPE (\w+)", answer.read().decode(), re.MULTILINE)
        assert named[name] <= set(kinds)
        assert {kind for kind in kinds if not kind.startswith(("process_", "python_"))} <= named[name]


def test_variables_and_exit_codes_of_the_guide_are_ours() -> None:
    settings = {name: (Path(ROOT) / "services" / name / "settings.py").read_text() for name in SERVICES}
    for variable in re.findall(r"`((?:FETCHER|SCORER|INFERENCE|GATEWAY)_[A-Z_]+)`", GUIDE):
        service, _, field = variable.lower().partition("_")
        assert field == "metrics_address" or f"    {field}: " in settings[service]


def test_the_python_of_the_guide_is_what_the_rolling_restart_is_tested_with() -> None:
    names: dict[str, object] = {}
    exec(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0], names)  # noqa: S102  # our own document
    assert names["options"] == list(CLIENT_OPTIONS)
