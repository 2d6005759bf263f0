"""How long a command takes to say anything."""

import subprocess
import sys
import time
from collections.abc import Iterator

from tests.benchmarks.figures import Figure
from tests.benchmarks.scale import Scale


def measure_version(scale: Scale) -> Iterator[Figure]:
    """Time `technic --version`, beside an interpreter that does nothing."""
    ours = [_timed("-m", "services.cli", "--version") for _ in range(scale.repeats)]
    bare = [_timed("-c", "pass") for _ in range(scale.repeats)]
    note = "floor: a bare interpreter"
    yield Figure("start: technic --version", "s", tuple(ours), floor=min(bare), target=0.2, note=note)


def _timed(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run((sys.executable, *arguments), check=True, capture_output=True)
    return time.perf_counter() - began
