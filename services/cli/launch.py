"""Which processes make a stack: their command lines, environments and addresses. Pure but for finding a free port.

A secret goes into the environment of the processes that need it, never into a command line: `ps` shows those.
"""

import re
import socket
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.cli.source import KEY_VARIABLES, Source

SERVICES: Final = ("simulator", "fetcher", "scorer", "inference", "gateway")
"""What a whole stack is made of; the simulator only where the market is simulated."""

Program = Callable[[str], tuple[str, ...]]
"""Gives the command line of a service by its name."""

LOOPBACK: Final = "127.0.0.1"
SIMULATOR_KEY_VARIABLE: Final = "SIMULATOR_KEY"
TOKEN_VARIABLE: Final = "TECHNIC_TOKEN"  # noqa: S105  # the name of a variable
"""Environment variable that may hold the token of the command; a command line would show it to everybody."""
SIMULATOR_CLOCK: Final = "2025-09-30T20:00"
"""New York time at which the simulated market stands, so that a scan of it is the same on every day."""
SIMULATOR_PROVIDERS: Final = ("simulated", "replay")
"""Providers that the simulator plays."""
UNLIMITED_CALLS_PER_SECOND: Final = 10_000
"""Rate towards a simulator whose plan was not chosen: nobody is spared by waiting."""

_ALLOCATION: Final = {
    # glibc hands large buffers back to the kernel after each use; keeping them halves the time of a hot scan.
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "536870912",
    # What is kept is kept by arena: with one a thread, a scorer grew by a third over 400 cancelled scans.
    "MALLOC_ARENA_MAX": "2",
}

METRICS: Final = {"gateway": 9101, "fetcher": 9102, "scorer": 9103, "inference": 9104}
"""Ports on which the services of a lasting stack serve their metrics, on the loopback only."""
_ACCESS: Final = re.compile(r"(FETCHER|SCORER|INFERENCE|GATEWAY)_(TOKENS_PATH|TLS_.*|PEER_.*)")
"""Settings of who may call a service: a stack of ours is for this machine, where nothing is asked for."""

_COLD: Final = {"FETCHER_WARM_SESSIONS": "0", "FETCHER_WARM_AT": ""}
"""Settings of a fetcher that nobody comes to a second time."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the processes of a stack listen: host:port or unix:/path; the simulator speaks HTTP on host:port."""

    gateway: str
    fetcher: str
    scorer: str
    inference: str
    simulator: str


STANDARD_ADDRESSES: Final = Addresses(
    gateway=f"{LOOPBACK}:50051",
    fetcher=f"{LOOPBACK}:50052",
    scorer=f"{LOOPBACK}:50053",
    inference=f"{LOOPBACK}:50054",
    simulator=f"{LOOPBACK}:8100",
)


def private_addresses(folder: Path) -> Addresses:
    """Return Unix sockets in `folder` and a port that is free now, so that two stacks never meet."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    gateway, fetcher, scorer, inference = (
        f"unix:{folder / name}" for name in ("gateway", "fetcher", "scorer", "inference")
    )
    return Addresses(gateway, fetcher, scorer, inference, simulator=f"{LOOPBACK}:{port}")


@dataclass(frozen=True, slots=True)
class ServiceCommand:
    """A process of a stack.

    Args:
        name: of the service.
        argv: the command line; holds no secret.
        environment: the whole environment of the process.
        address: where it will listen.
        health: whether it answers gRPC health checks; without, listening is being ready.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    address: str
    health: bool = True


def service_program(name: str) -> tuple[str, ...]:
    """Return the command line of a service of ours, never of a folder `services` where the user happens to be."""
    return (sys.executable, "-P", "-m", f"services.{name}")


def access_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that set who may call a service."""
    return tuple(sorted(name for name, value in environment.items() if value and _ACCESS.fullmatch(name)))


def plan_stack(
    source: Source,
    addresses: Addresses,
    environment: Mapping[str, str],
    program: Program = service_program,
    home: Path | None = None,
    names: Collection[str] = SERVICES,
    *,
    lasting: bool = False,
) -> tuple[ServiceCommand, ...]:
    """List the processes that serve scans over a source of bars.

    Args:
        source: of the bars.
        addresses: where they listen, and find each other.
        environment: handed on, without any key of the provider: the fetcher alone gets the source's; and without the
            caller's token, and settings of access.
        program: command line of a service by its name.
        home: folder of ours for what is worth keeping; None for the services' own choice.
        names: the services that are wanted.
        lasting: whether they stay; those of one command bring nothing into memory but what it asks for, and serve no
            metrics.
    """
    kept_back = {*KEY_VARIABLES, SIMULATOR_KEY_VARIABLE, TOKEN_VARIABLE, *access_variables(environment)}
    shared = _ALLOCATION | {name: value for name, value in environment.items() if name not in kept_back}
    shared["TECHNIC_EXIT_WITH_STDIN"] = "1"
    links = {
        "fetcher": _fetcher_settings(source, addresses, home) | ({} if lasting else _COLD),
        "scorer": {"SCORER_FETCHER_ADDRESS": addresses.fetcher},
        "inference": {},
        "gateway": {
            "GATEWAY_FETCHER_ADDRESS": addresses.fetcher,
            "GATEWAY_SCORER_ADDRESS": addresses.scorer,
            "GATEWAY_INFERENCE_ADDRESS": addresses.inference,
        },
    }
    # The simulator first: making its market takes longest.
    commands = [_simulator(source, addresses, shared, program, home)] if source.provider in SIMULATOR_PROVIDERS else []
    for name, settings in links.items():
        address: str = getattr(addresses, name)
        metrics = f"{name.upper()}_METRICS_ADDRESS"
        # Two stacks of single commands must not meet.
        served = environment.get(metrics, f"{LOOPBACK}:{METRICS[name]}") if lasting else ""
        own = {f"{name.upper()}_ADDRESS": address, metrics: served}
        commands.append(ServiceCommand(name, program(name), shared | own | settings, address))
    return tuple(command for command in commands if command.name in names)


def _simulator(
    source: Source, addresses: Addresses, shared: dict[str, str], program: Program, home: Path | None
) -> ServiceCommand:
    port = addresses.simulator.rpartition(":")[2]
    flags = ["--port", port, "--plan", source.plan or "advanced", "--clock", source.clock or SIMULATOR_CLOCK]
    if source.bars:
        flags += ["--bars", str(source.bars)]
        flags += ["--universe", str(source.universe)] if source.universe else []
    if source.latency_ms is not None:
        flags += ["--latency-ms", str(source.latency_ms)]
    if home:
        flags += ["--cache", str(home / "cache")]
    environment = shared | {SIMULATOR_KEY_VARIABLE: source.key}
    argv = (*program("simulator"), *flags)
    return ServiceCommand("simulator", argv, environment, addresses.simulator, health=False)


def _fetcher_settings(source: Source, addresses: Addresses, home: Path | None) -> dict[str, str]:
    settings = {
        "FETCHER_PROVIDER": source.provider,
        "FETCHER_PLAN": source.plan or "",
        "FETCHER_UNIVERSE_PATH": str(source.universe or ""),
        "FETCHER_HOME": str(home or ""),
        KEY_VARIABLES[0]: source.key,
    }
    if source.provider in SIMULATOR_PROVIDERS:
        settings["FETCHER_BASE_URL"] = f"http://{addresses.simulator}"
        settings["FETCHER_CLOCK"] = source.clock or SIMULATOR_CLOCK
        if not source.plan:
            settings["FETCHER_PLAN"] = "advanced"
            settings["FETCHER_CALLS_PER_SECOND"] = str(UNLIMITED_CALLS_PER_SECOND)
    if source.provider == "files":
        settings["FETCHER_BARS_PATH"] = str(source.bars or "")
        settings["FETCHER_SPLITS_PATH"] = str(source.splits or "")
        settings["FETCHER_BARS_RAW"] = "true" if source.splits else ""
    return {name: value for name, value in settings.items() if value}
