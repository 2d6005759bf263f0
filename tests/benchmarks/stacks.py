"""Real processes to measure: the simulator once, the four services as often as an empty one is needed."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from services.cli.launch import Addresses, ServiceCommand, plan_stack, private_addresses, service_program
from services.cli.readiness import wait_until_ready
from services.cli.source import KEY_VARIABLES, Source
from services.cli.stack import Stack, open_stack
from services.fetcher.settings import FetcherSettings
from tests.benchmarks.scale import Scale

KEY: Final = "bench"
SERVICES: Final = ("fetcher", "scorer", "inference", "gateway")
_PREFIXES: Final = ("FETCHER_", "SCORER_", "INFERENCE_", "GATEWAY_", "SIMULATOR_", "TECHNIC_")


@dataclass(frozen=True, slots=True)
class Provider:
    """A running simulator.

    Attributes:
        address: host:port.
        source: tells a fetcher how to use it.
        home: folder for its cache and all logs.
    """

    address: str
    source: Source
    home: Path


@contextmanager
def open_provider(scale: Scale, home: Path) -> Iterator[tuple[Provider, Stack]]:
    """Start the simulator alone."""
    source = Source("simulated", latency_ms=scale.latency_ms, key=KEY)

    def program(name: str) -> tuple[str, ...]:
        return (*service_program(name), "--symbols", str(scale.listings))

    def plan(addresses: Addresses) -> tuple[ServiceCommand, ...]:
        everything = plan_stack(source, addresses, environment({}), program, home)
        return tuple(command for command in everything if command.name == "simulator")

    with open_stack(private_addresses, plan, home) as stack:
        yield Provider(stack.addresses.simulator, source, home), stack


@contextmanager
def open_services(
    provider: Provider, settings: Mapping[str, str], names: Collection[str] = SERVICES
) -> Iterator[Stack]:
    """Start the four services, or some of them, over a running simulator, with nothing in memory."""

    def places(folder: Path) -> Addresses:
        return replace(private_addresses(folder), simulator=provider.address)

    def plan(addresses: Addresses) -> tuple[ServiceCommand, ...]:
        everything = plan_stack(provider.source, addresses, environment(settings), home=provider.home)
        return tuple(command for command in everything if command.name in names)

    with open_stack(places, plan, provider.home) as stack:
        yield stack


async def ready(stack: Stack) -> None:
    """Wait until all processes of a stack are ready."""
    await wait_until_ready(stack, lambda *_: None)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the machine's environment without settings of ours: they would make another measurement of it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_PREFIXES) and name not in KEY_VARIABLES
    }
    return kept | dict(settings)


def store_settings(folder: Path) -> dict[str, str] | None:
    """Return the settings that put the fetcher's store of bars into `folder`; None if it has no store."""
    known = FetcherSettings.model_fields
    name = next((name for name in ("store_path", "home") if name in known), None)
    return {f"FETCHER_{name.upper()}": str(folder / "store")} if name else None
