"""The campaign itself: it runs to its end on a tiny market, can be broken off, and counts as it should."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.campaign.growth import Growth
from tests.campaign.table import Row, percentile, tally, to_markdown

COMMAND = (sys.executable, "-m", "tests.campaign", "--quick", "--out")


@pytest.mark.system
def test_a_tiny_campaign_runs_to_its_end_and_adds_a_section(tmp_path: Path) -> None:
    out = tmp_path / "campaign.md"
    out.write_text("# Before\n")
    command = (*COMMAND, str(out), "--runs", "1", "--only", "cancels", "--only", "soak")
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert text.startswith("# Before\n\n## ")
    assert "| soak: hot scans | s | 1 |" in text
    assert "| whole, the usual hash | yes | 1 cancels |" in text
    assert "**no**" not in text
    assert text.endswith(done.stdout.rstrip("\n") + "\n")


@pytest.mark.system
def test_a_campaign_that_is_broken_off_ends_what_it_started(tmp_path: Path) -> None:
    command = (*COMMAND, str(tmp_path / "campaign.md"), "--only", "soak", "--runs", "100000")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as campaign:
        assert campaign.stderr is not None
        assert any("soak: 1 of" in line for line in campaign.stderr)
        started = psutil.Process(campaign.pid).children(recursive=True)
        assert len(started) >= 5
        campaign.send_signal(signal.SIGINT)
        assert campaign.wait(timeout=30) == 130
    assert not any(process.is_running() for process in started)


@pytest.mark.parametrize(
    ("count", "share", "rank"), [(1, 0.99, 1), (2, 0.5, 1), (99, 0.99, 99), (100, 0.99, 99), (300, 0.99, 297)]
)
def test_a_percentile_is_a_value_that_was_measured(count: int, share: float, rank: int) -> None:
    assert percentile([float(number) for number in range(count, 0, -1)], share) == rank


def test_a_promise_is_kept_by_the_percentile_and_by_all_else() -> None:
    late = [0.3] * 99 + [9.0]
    assert Row.within("hot", "s", late, 0.4, "", fine=True).ok
    assert not Row.within("hot", "s", [*late, 9.0], 0.4, "", fine=True).ok
    assert not Row.within("hot", "s", late, 0.4, "", fine=False).ok
    assert tally(["whole", "partial", "whole"]) == "2 whole, 1 partial"


def test_the_table_shows_what_was_not_kept() -> None:
    row = Row.within("hot, 0.3 s", "s", [0.1, 0.2, 0.6], 0.4, "3 whole", fine=True)
    assert to_markdown([row]).splitlines()[-1] == (
        "| hot, 0.3 s | s | 3 | 0.2 | 0.6 | 0.6 | p99 <= 0.4 | **no** | 3 whole |"
    )


@pytest.mark.parametrize(("growth_mb", "kept"), [(0.0, True), (0.5, True), (20.0, False)])
def test_memory_that_grows_by_a_percent_in_a_thousand_is_told(growth_mb: float, *, kept: bool) -> None:
    at = list(range(0, 1_001, 100))
    grown = Growth("scorer", 0, at, [20] * 11, [9] * 11, [200 + growth_mb * count / 1_000 for count in at])
    descriptors, memory = grown.rows("soak")
    assert descriptors.ok
    assert memory.ok is kept
    grown.descriptors[-1] = 25
    assert not next(grown.rows("soak")).ok
