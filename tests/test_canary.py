"""The search for secrets finds them: run by pytest itself, over tests that leak."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import canary

LEAKING = """
import logging, pathlib, sys

def test_quiet():
    print("all is well")

def test_prints():
    print("the key is {key}")

def test_warns():
    print("{token}abc", file=sys.stderr)

def test_logs():
    logging.getLogger().warning("{key}")

def test_writes(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "fetcher.log").write_text("{key}")
"""


def test_a_secret_in_any_output_fails_the_test_that_let_it_out(tmp_path: Path) -> None:
    (tmp_path / "test_leaking.py").write_text(LEAKING.format(key=canary.PROVIDER_KEY, token=canary.TOKEN))
    command = (sys.executable, "-m", "pytest", "-q", "-p", "tests.canary", "-p", "no:cacheprovider", str(tmp_path))
    run = subprocess.run(
        [*command, f"--rootdir={tmp_path}"], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    # The headings, not the summary: where CI is set, pytest ends a summary's lines with the error.
    told = set(re.findall(r"^_+ ERROR at teardown of test_(\w+) _+$", run.stdout, re.MULTILINE))
    assert told == {"prints", "warns", "logs", "writes"}, run.stdout


@pytest.mark.parametrize("secret", canary.CANARIES)
def test_every_secret_is_known(secret: str) -> None:
    assert canary.found_in(f"x{secret}y") == (secret,)
