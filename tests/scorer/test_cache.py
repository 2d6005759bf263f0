"""Compiled kernels are kept where NUMBA_CACHE_DIR says, so that a read-only tree works."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import services

CODE = """
import numpy as np, pathlib, services
assert pathlib.Path(services.__file__).is_relative_to(pathlib.Path.cwd())
from services.scorer.kernels.extremes import highest
assert highest(np.ones((3, 2)), 2, 1).tolist() == [[1.0, 1.0]]
print(sum(highest.stats.cache_hits.values()))
"""


def test_kernels_compile_from_a_tree_that_cannot_be_written_and_are_found_again(tmp_path: Path) -> None:
    tree, kept = tmp_path / "tree", tmp_path / "kept"
    shutil.copytree(Path(services.__file__).parent, tree / "services", ignore=shutil.ignore_patterns("__pycache__"))
    kernels = tree / "services" / "scorer" / "kernels"
    (kernels / "__pycache__").touch()  # a file in its place: nobody, root neither, can write a cache there
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(kept), "PYTHONPATH": str(tree)}
    command = (sys.executable, "-c", CODE)
    hits = [
        int(subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=tree).stdout)
        for _ in range(2)
    ]
    assert hits == [0, 1]
    assert list(kept.rglob("*.nbi"))
    assert (kernels / "__pycache__").is_file()
