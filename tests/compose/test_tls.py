"""TLS between the containers: certificates on every hop, and nothing for whoever has none."""

import os
from pathlib import Path

import pytest

from tests.compose.conftest import free_port
from tests.compose.project import BIN, FILES, ROOT, Project, run, started

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600, func_only=True)]

USER = 10001
NOT_REACHED = 2
"""Exit code of a health check that got no connection."""
PEERS = {"fetcher": 50052, "scorer": 50053, "inference": 50054}


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """Certificates that the containers' user may read."""
    folder = tmp_path / "certs"
    names = [word for name in (*PEERS, "gateway") for word in ("--name", name)]
    made = run(str(BIN / "technic"), "certs", str(folder), *names)
    assert made.code == 0, made.err
    for key in ("server.key", "client.key"):
        os.chown(folder / key, USER, USER)
    return folder


@pytest.mark.usefixtures("engine")
def test_every_hop_speaks_tls_and_services_want_certificates_of_their_callers(certs: Path, usual_hash: str) -> None:
    project = Project(
        f"technic-tls-{os.getpid()}",
        free_port(),
        (*FILES, ROOT / "docker-compose.tls.yml"),
        {"TECHNIC_CERTS": str(certs)},
        flags=("--tls-ca", str(certs / "ca.pem")),
    )
    with started(project):
        assert project.whole_scan()["result_hash"] == usual_hash
        plain = run(*Project(project.name, project.port).scan_command(budget="5s"))
        assert plain.code == 69, plain.out + plain.err
        gateway = project.containers("gateway")[0]
        for name, port in PEERS.items():
            ask = (gateway, "technic", "health", "--address", f"{name}:{port}")
            assert run("docker", "exec", *ask).code == 0
            unnamed = run("docker", "exec", "--env", "TECHNIC_TLS_CERT=", "--env", "TECHNIC_TLS_KEY=", *ask)
            assert unnamed.code == NOT_REACHED, unnamed.out + unnamed.err
