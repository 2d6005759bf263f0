"""What a user of the containers sees: they start, answer scans, explain themselves, and keep what they fetched."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.compose.project import BIN, SERVICES, Project, Ran, docker, eventually, run

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600, func_only=True)]

IMAGE_BYTES = 300_000_000
MEMORY_BYTES = 2_500_000_000
START_S = 60
"""Twice what is promised: other people's work may be on the machine, and the bench measures it."""


def grpcurl(project: Project, *words: str) -> str:
    """Ask the gateway by grpcurl."""
    flags, names = words[:-1], words[-1:]
    ran = run(str(BIN / "grpcurl"), "-plaintext", *flags, project.address, *names)
    assert ran.code == 0, ran.err
    return ran.out


def test_the_services_are_healthy_soon_and_again_after_everything_is_made_anew(project: Project) -> None:
    project.compose("down", "--timeout", "12")
    assert project.up().took_s < START_S


def test_a_scan_through_the_published_port_has_the_hash_of_one_without_containers(
    project: Project, usual_hash: str
) -> None:
    found = project.whole_scan()
    assert found["result_hash"] == usual_hash
    assert (found["requested_count"], found["simulated"]) == (6000, True)


def test_grpcurl_lists_describes_asks_for_health_and_scans(project: Project) -> None:
    assert "technic.v1.GatewayService" in grpcurl(project, "list")
    described = run(str(BIN / "grpcurl"), "-plaintext", project.address, "describe", "technic.v1.ScanUniverseRequest")
    assert "budget" in described.out, described.err
    assert '"SERVING"' in grpcurl(project, "grpc.health.v1.Health/Check")
    scan = grpcurl(project, "-d", '{"top_count": 3, "budget": "60s"}', "technic.v1.GatewayService/ScanUniverse")
    assert '"result_hash"' in scan


def test_what_was_fetched_survives_the_containers(project: Project, usual_hash: str) -> None:
    project.whole_scan()
    project.compose("down", "--timeout", "12")
    project.up()
    found = project.whole_scan()
    assert found["provider_request_count"] == 0
    assert found["result_hash"] == usual_hash


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_may_do_no_more_than_it_has_to(service: str, project: Project) -> None:
    found = project.inspect(service)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert found["Config"]["User"] == "10001"
    published = {port for port, places in host["PortBindings"].items() if places}
    assert published == ({"50051/tcp"} if service == "gateway" else set())
    assert all(mount["Destination"] == "/var/lib/technic" for mount in found["Mounts"])
    assert [mount["Type"] for mount in found["Mounts"]] == (["volume"] if service == "fetcher" else [])
    tools = run("docker", "exec", found["Id"], "sh", "-c", "command -v pip gcc cc make")
    assert tools.out == ""


def test_memory_and_images_are_bounded(project: Project) -> None:
    limits = [project.inspect(service)["HostConfig"]["Memory"] for service in SERVICES]
    assert all(limits)
    assert sum(limits) <= MEMORY_BYTES * 1.048576  # compose's m is 2^20
    base = json.loads(docker("image", "inspect", "python:3.11-slim-bookworm"))[0]
    for service in SERVICES:
        image = json.loads(docker("image", "inspect", f"technic-{service}"))[0]
        # The layers of the base are shared by all five.
        assert image["RootFS"]["Layers"][: len(base["RootFS"]["Layers"])] == base["RootFS"]["Layers"]
        assert image["Size"] - base["Size"] <= IMAGE_BYTES, service


@pytest.fixture(scope="module")
def scorers(project: Project) -> Iterator[list[str]]:
    """Three scorers at work, two of them added while the gateway ran."""
    project.up("--scale", "scorer=3", "--no-recreate")
    scorers = project.containers("scorer")

    def all_scored() -> bool:
        project.whole_scan()
        return all("ScoreUniverse" in run("docker", "logs", scorer).err for scorer in scorers)

    # The gateway finds them when the one that it knows asks it to connect anew.
    eventually(all_scored, "each of three scorers was asked")
    yield scorers
    project.up("--scale", "scorer=1")


def test_work_spreads_over_added_scorers(scorers: list[str]) -> None:
    assert len(scorers) == 3


def test_no_scan_fails_while_scorers_restart(project: Project, scorers: list[str], usual_hash: str) -> None:
    over = threading.Event()

    def scanning() -> list[Ran]:
        scans = [project.scan()]
        while not over.is_set():
            scans.append(project.scan())
        return scans

    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(scanning)
        try:
            # All but one, as one that is back is found again within half a minute only.
            for scorer in scorers[:2]:
                docker("restart", "--time", "12", scorer)
        finally:
            over.set()
    assert [(scan.code, scan.err) for scan in seen.result() if scan.code] == []
    assert {scan.document["result_hash"] for scan in seen.result()} == {usual_hash}
