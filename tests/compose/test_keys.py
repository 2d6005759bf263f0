"""A key is seen by the containers that need it, and in no log."""

import json
import os

import pytest

from tests.compose.conftest import CANARY, free_port
from tests.compose.project import ROOT, SERVICES, Project, docker, run, started

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600, func_only=True)]

REAL_CANARY = "canary-of-a-real-key-83a1"


def test_the_simulators_key_is_told_to_nobody_else(project: Project) -> None:
    project.whole_scan()
    assert CANARY not in project.logs()
    holders = {service for service in SERVICES if CANARY in json.dumps(project.inspect(service))}
    assert holders == {"simulator", "fetcher"}
    assert all(CANARY not in docker("history", "--no-trunc", f"technic-{service}") for service in SERVICES)


@pytest.mark.usefixtures("engine")
def test_a_real_key_goes_to_the_fetcher_alone_and_nothing_is_simulated() -> None:
    files = (ROOT / "docker-compose.yml", ROOT / "docker-compose.massive.yml")
    settings = {"MASSIVE_API_KEY": REAL_CANARY}
    with started(Project(f"technic-real-{os.getpid()}", free_port(), files, settings)) as project:
        ran = project.scan(budget="5s")
        # The key is wrong, or the provider cannot be reached from here.
        assert ran.code in {3, 4, 5}, ran.err
        assert REAL_CANARY not in ran.out + ran.err + project.logs()
        running = project.compose("ps", "--services").out.split()
        assert sorted(running) == ["fetcher", "gateway", "inference", "scorer"]
        holders = {service for service in running if REAL_CANARY in json.dumps(project.inspect(service))}
        assert holders == {"fetcher"}


@pytest.mark.usefixtures("engine")
def test_without_a_key_the_real_provider_is_refused_with_a_word() -> None:
    command = ("docker", "compose", "-f", "docker-compose.yml", "-f", "docker-compose.massive.yml", "config", "-q")
    ran = run(*command, environment={"MASSIVE_API_KEY": ""})
    assert ran.code != 0
    assert "set it to the key" in ran.err
