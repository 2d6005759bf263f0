"""The table of faults for people: every kind of the simulator and only tests that exist."""

import re
from pathlib import Path

from services.simulator.faults import KINDS

ROOT = Path(__file__).parents[1]
TABLE = (ROOT / "docs" / "faults.md").read_text()


def test_every_fault_of_the_simulator_is_explained() -> None:
    named = set(re.findall(r"\(?`([a-z_]+)`", TABLE))
    assert set(KINDS) <= named


def test_every_test_that_is_named_exists() -> None:
    written = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = set(re.findall(r"`(test_\w+)`", TABLE))
    assert len(named) > 20
    assert named <= written


def test_every_row_names_a_test() -> None:
    rows = [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| ---")][1:]
    assert [row for row in rows if "`test_" not in row.rsplit("|", 2)[1]] == []
