"""A compose project on a container engine: what the tests do to it, and what they see of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent
FILES: Final = (ROOT / "docker-compose.yml", Path(__file__).with_name("forgetful.yml"))
SERVICES: Final = ("simulator", "fetcher", "scorer", "inference", "gateway")
HEAL_S: Final = 90.0
"""Seconds until a container that was hurt must serve again; the tests share their machine."""
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str
    took_s: float

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document that it wrote."""
        return dict(json.loads(self.out))


def run(*command: str, timeout_s: float = 120.0, environment: Mapping[str, str] | None = None) -> Ran:
    """Run a command to its end."""
    began = time.monotonic()
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        env=os.environ | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def docker(*arguments: str) -> str:
    """Run docker, which must succeed, and return what it says."""
    ran = run("docker", *arguments)
    assert ran.code == 0, ran.err
    return ran.out.strip()


def eventually(holds: Callable[[], bool], what: str, within_s: float = HEAL_S) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class Project:
    """A compose project.

    Attributes:
        name: of the project.
        port: of the gateway on this machine's loopback.
        files: compose files, later ones over earlier ones.
        environment: what compose reads beside ours.
        flags: of every scan.
    """

    name: str
    port: int
    files: tuple[Path, ...] = FILES
    environment: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Where the gateway answers."""
        return f"localhost:{self.port}"

    def compose(self, *arguments: str, timeout_s: float = 180.0) -> Ran:
        """Run `docker compose`, which must succeed."""
        files = [word for path in self.files for word in ("--file", str(path))]
        settings = {"TECHNIC_PORT": str(self.port), **self.environment}
        command = ("docker", "compose", "--project-name", self.name, *files, *arguments)
        ran = run(*command, timeout_s=timeout_s, environment=settings)
        assert ran.code == 0, ran.err
        return ran

    def up(self, *arguments: str) -> Ran:
        """Start what does not run, and wait until it is healthy."""
        return self.compose("up", "--detach", "--wait", "--wait-timeout", "120", *arguments)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's containers."""
        return self.compose("ps", "--all", "--quiet", service).out.split()

    def inspect(self, service: str) -> dict[str, Any]:
        """Return all that the engine knows of a service's first container."""
        return dict(json.loads(docker("inspect", self.containers(service)[0]))[0])

    def logs(self) -> str:
        """Return what all services said."""
        ran = self.compose("logs", "--no-color")
        return ran.out + ran.err

    def kill(self, service: str) -> None:
        """Kill a service's process as a crash would: `docker kill` would count as asked for, and stay."""
        os.kill(int(self.inspect(service)["State"]["Pid"]), signal.SIGKILL)

    def heals(self, service: str, restarts_before: int) -> None:
        """Wait until the engine has restarted a service, and it is healthy."""

        def healthy() -> bool:
            found = self.inspect(service)
            state = found["State"]
            return bool(found["RestartCount"] > restarts_before and state.get("Health", {}).get("Status") == "healthy")

        eventually(healthy, f"{service} is restarted and healthy")

    def scan(self, *flags: str, budget: str = "60s") -> Ran:
        """Scan by the command, through the published port."""
        return run(*self.scan_command(*flags, budget=budget))

    def scan_command(self, *flags: str, budget: str = "60s") -> tuple[str, ...]:
        """Return the command line of a scan."""
        shared = ("--gateway", self.address, "--format", "json", "--budget", budget)
        return (str(BIN / "technic"), "scan", *shared, *self.flags, *flags)

    def whole_scan(self) -> dict[str, Any]:
        """Scan until nothing is missing, as connections may still be coming back; return the document."""
        found: dict[str, Any] = {}

        def whole() -> bool:
            ran = self.scan()
            found.clear()
            found.update(ran.document if ran.code == 0 else {})
            return bool(found) and "alpha_5" in found["versions"] and "alpha_10" in found["versions"]

        eventually(whole, "a whole scan")
        return dict(found)


@contextmanager
def started(project: Project) -> Iterator[Project]:
    """Run a project from nothing, and leave nothing of it."""
    try:
        project.up()
        yield project
    finally:
        project.compose("down", "--volumes", "--remove-orphans", "--timeout", "12")
