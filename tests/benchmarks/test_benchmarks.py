"""The bench itself: it runs to its end on a tiny market, writes all it promises, and leaves nothing behind."""

import json
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from services.cli.source import Source
from technic.v1 import gateway_service_pb2 as pb
from tests.benchmarks.bench import Bench
from tests.benchmarks.client import TimedScan
from tests.benchmarks.figures import Figure, to_json, to_markdown
from tests.benchmarks.scale import QUICK
from tests.benchmarks.stacks import Provider

COMMAND = (sys.executable, "-m", "tests.benchmarks", "--quick", "--out")
FIELDS = {"name", "unit", "n", "median", "min", "max", "floor", "target", "limit", "ok", "peer", "note"}


@pytest.mark.system
def test_the_quick_bench_runs_to_its_end_and_writes_every_figure(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    done = subprocess.run((*COMMAND, str(out)), check=False, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert all(set(figure) == FIELDS and figure["n"] >= 1 for figure in figures)
    assert all(figure["min"] <= figure["median"] <= figure["max"] for figure in figures)
    names = [figure["name"] for figure in figures]
    assert len(set(names)) == len(names)
    groups = ("cold", "hot", "repeat", "next session", "stage", "memory", "bars over gRPC", "inference", "factors")
    for group in (*groups, "fetcher", "per symbol", "store", "decode"):
        assert any(name.startswith(group) for name in names), group
    assert len(done.stdout.splitlines()) == len(figures) + 2


@pytest.mark.system
def test_a_bench_that_is_broken_off_ends_what_it_started(tmp_path: Path) -> None:
    command = (*COMMAND, str(tmp_path / "bench.json"), "--only", "scans")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as bench:
        assert bench.stderr is not None
        assert any("scans" in line for line in bench.stderr)
        started = psutil.Process(bench.pid).children(recursive=True)
        assert started
        bench.send_signal(signal.SIGINT)
        assert bench.wait(timeout=30) == 130
    assert not any(process.is_running() for process in started)
    assert not (tmp_path / "bench.json").exists()


def test_results_disagree_when_any_two_states_come_to_different_hashes() -> None:
    provider = Provider("127.0.0.1:1", Source("simulated"), Path())
    bench = Bench(provider, QUICK, lambda _: None, AsyncExitStack())
    for state in ("cold", "hot"):
        bench.agree(state, TimedScan(0.0, 0.0, 0.0, pb.ScanResult(result_hash="a")))
    assert bench.agreed
    bench.agree("hot", TimedScan(0.0, 0.0, 0.0, pb.ScanResult(result_hash="b")))
    assert not bench.agreed


def test_a_gate_compares_the_median_and_says_nothing_without_a_limit() -> None:
    assert Figure("a", "s", (1.0, 2.0, 9.0), limit=2.0).ok
    assert Figure("a", "s", (1.0, 3.0, 9.0), limit=2.0).ok is False
    assert Figure("a", "%", (90.0,), limit=85.0, rising=True).ok
    assert Figure("a", "s", (9.0,), target=1.0).ok is None


def test_a_table_shows_a_failing_gate_and_leaves_out_what_is_not_known() -> None:
    failing = Figure("cold", "s", (4.0,), floor=1.0, limit=3.3)
    assert to_markdown([failing]).splitlines()[2] == "| cold | s | 1 | 4 | 4 | 4 | 1 |  | <= 3.3 | **no** |  |  |"
    assert json.loads(to_json([failing]))[0]["peer"] is None
