"""The market is the same on every processor: no bar depends on which instructions numpy, OpenBLAS and libm choose."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np

from services.simulator.market import GENERATOR_VERSION, Market
from tests.simulator.digest import digest

ROOT = Path(__file__).parents[2]
PINNED = (3, "4feffe5739186def975385089d3b157bce7e5d6688a00ff967abc17e7fddada7")
"""Generator version and digest: a change that alters a bar raises the one and replaces the other."""
OLDEST = {"x86_64": "Prescott", "AMD64": "Prescott", "aarch64": "ARMV8", "arm64": "ARMV8"}
"""The plainest kernels of OpenBLAS for a kind of processor."""


def instruction_sets() -> list[str]:
    """Return what numpy uses of this processor beyond its baseline."""
    described = np.show_config(mode="dicts")
    assert described is not None
    found: list[str] = described["SIMD Extensions"].get("found", [])
    return found


def on_an_old_processor(*arguments: str) -> str:
    """Return what Python prints where this processor passes for the plainest of its kind."""
    disguise = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(instruction_sets()),
        "OPENBLAS_CORETYPE": OLDEST.get(platform.machine(), "GENERIC"),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-FMA,-FMA4",
    }
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, env=os.environ | disguise, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=60
    )
    return done.stdout.strip()


def test_an_old_processor_generates_the_same_market(market: Market) -> None:
    spec = market.spec
    arguments = (str(spec.seed), str(spec.symbols), str(spec.end))
    assert on_an_old_processor("-m", "tests.simulator.digest", *arguments) == digest(market)


def test_the_old_processor_of_these_tests_has_no_instructions_beyond_the_baseline() -> None:
    program = "from tests.simulator.test_processors import instruction_sets; print(instruction_sets())"
    assert on_an_old_processor("-c", program) == "[]"


def test_the_market_changes_with_the_generators_version_only(market: Market) -> None:
    assert (GENERATOR_VERSION, digest(market)) == PINNED
