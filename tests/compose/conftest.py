"""The project that the tests share: built, started, and removed with its volume."""

import os
import socket
from collections.abc import Iterator

import pytest

from tests.compose.engine import engine_missing
from tests.compose.project import Project, run, started
from tests.system import golden

CANARY = "canary-4f1d2c7b9e"
"""Key of the simulator, which must be seen where it is needed only."""
BUILD_S = 1200


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip without an engine, and say why; with one, build the images."""
    missing = engine_missing()
    if missing:
        pytest.skip(missing)
    if os.geteuid() != 0:
        pytest.skip("a crash is a kill -9 of a container's process, which takes root")
    built = run("docker", "compose", "--progress", "plain", "build", timeout_s=BUILD_S)
    assert built.code == 0, built.out[-2000:] + built.err[-4000:]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def project(engine: None) -> Iterator[Project]:  # noqa: ARG001  # it must be there
    """Simulator and services, running."""
    with started(Project(f"technic-test-{os.getpid()}", free_port(), environment={"SIMULATOR_KEY": CANARY})) as running:
        yield running


@pytest.fixture(scope="session")
def usual_hash(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Hash of the same scan by services that are plain processes."""
    return str(golden.scan(tmp_path_factory.mktemp("home"))["result_hash"])
