"""Containers that crash, stand still, lose their network or memory, or are replaced, and what scans say of it."""

import subprocess

import pytest

from tests.compose.project import ROOT, SERVICES, Project, docker, eventually

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600, func_only=True)]

BUDGET_S = 5
ENDED = {0, 3, 4, 69}
"""Exit codes of scans that ended by themselves and said how: whole, partial, provider, a service out of reach."""
TRIES = 20


def crash_in_mid_scan(project: Project, service: str) -> int:
    """Kill a service while a scan runs; return the exit code of that scan."""
    # Sessions that are not stored yet, so that fetcher and simulator have work as well.
    for number in range(TRIES):
        command = project.scan_command("--as-of", f"2025-{1 + number % 8:02d}-15", budget="20s")
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as scan:
            assert scan.stderr is not None
            assert any("scan " in line or "fetch" in line for line in scan.stderr)
            project.kill(service)
            running = scan.poll() is None
            scan.stderr.read()
            code = scan.wait(timeout=60)
        if running:
            return code
        project.whole_scan()
    raise AssertionError("every scan had ended before the crash")


@pytest.mark.parametrize("service", SERVICES)
def test_a_crash_in_mid_scan_heals(service: str, project: Project, usual_hash: str) -> None:
    before = int(project.inspect(service)["RestartCount"])
    assert crash_in_mid_scan(project, service) in ENDED
    project.heals(service, before)
    assert project.whole_scan()["result_hash"] == usual_hash


def assert_in_time_and_told(project: Project) -> None:
    """Scan while something is out of reach: it ends within its budget, and says that it is not whole."""
    ran = project.scan(budget=f"{BUDGET_S}s")
    assert ran.code in ENDED, ran.err
    assert ran.took_s < BUDGET_S + 10  # the command's own start is in it, on a busy machine
    if ran.code == 0:
        assert any("alphas" in notice for notice in ran.document["notices"])
    elif ran.out:
        assert ran.document["budget_spent"]
    else:
        # Without a word from the fetcher there is not even an empty result.
        assert "technic: " in ran.err


@pytest.mark.parametrize("service", ["fetcher", "scorer", "inference"])
def test_a_scan_does_not_wait_for_a_container_that_stands_still(
    service: str, project: Project, usual_hash: str
) -> None:
    container = project.containers(service)[0]
    docker("pause", container)
    try:
        assert_in_time_and_told(project)
    finally:
        docker("unpause", container)
    assert project.whole_scan()["result_hash"] == usual_hash


@pytest.mark.parametrize("service", ["fetcher", "inference"])
def test_a_scan_does_not_wait_for_a_network_that_is_gone(service: str, project: Project, usual_hash: str) -> None:
    container, network = project.containers(service)[0], f"{project.name}_inside"
    docker("network", "disconnect", network, container)
    try:
        assert_in_time_and_told(project)
    finally:
        docker("network", "connect", "--alias", service, network, container)
    assert project.whole_scan()["result_hash"] == usual_hash


def test_a_container_that_runs_out_of_memory_is_restarted(project: Project, usual_hash: str) -> None:
    project.up("--force-recreate", "--no-deps", "scorer")
    scorer = project.containers("scorer")[0]
    limit = int(project.inspect("scorer")["HostConfig"]["Memory"])
    # Enough to start, not enough to score.
    docker("update", "--memory", "120m", "--memory-swap", "120m", scorer)
    try:

        def killed() -> bool:
            project.scan(budget=f"{BUDGET_S}s")
            return int(project.inspect("scorer")["RestartCount"]) > 0

        eventually(killed, "the scorer is killed for its memory")
    finally:
        docker("update", "--memory", str(limit), "--memory-swap", str(2 * limit), scorer)
    project.heals("scorer", 0)
    assert project.whole_scan()["result_hash"] == usual_hash


def test_services_are_replaced_one_after_the_other(project: Project, usual_hash: str) -> None:
    for service in SERVICES:
        old = project.containers(service)
        project.up("--force-recreate", "--no-deps", service)
        assert project.containers(service) != old
        assert project.whole_scan()["result_hash"] == usual_hash
