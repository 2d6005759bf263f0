"""Finds a container engine, or brings one up."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.compose.project import run

SCRIPT = Path(__file__).with_name("engine.sh")
_UP_S = 900


def engine_missing() -> str:
    """Return why there is no engine with compose v2; empty if there is one, which this may have brought up."""
    if _answers():
        return ""
    if os.geteuid() != 0:
        return "no Docker answers, and only root could start one"
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "no Docker answers, and engine.sh starts one on Debian only"
    try:
        ran = run("bash", str(SCRIPT), "up", timeout_s=_UP_S)
    except subprocess.TimeoutExpired:
        return f"engine.sh did not bring up Docker within {_UP_S} s"
    if ran.code != 0 or not _answers():
        return f"engine.sh could not bring up Docker: {' '.join((ran.out + ran.err).split()[-40:])}"
    return ""


def _answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        asked = (run("docker", "version", timeout_s=20), run("docker", "compose", "version", timeout_s=20))
    except subprocess.TimeoutExpired:
        return False
    return all(answer.code == 0 for answer in asked)
