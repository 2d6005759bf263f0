"""The services as processes, two of each where a test wants that: stopped by SIGTERM and started again, one by one."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.health import becomes_serving
from tests.system.conftest import CLOCK, KEY

READY_S = 60.0
"""Seconds that a service gets to be ready on a busy machine."""
EXIT_S = 30.0
"""Seconds after which a service that does not end is a failure of its own."""
SERVICES = ("fetcher", "scorer", "inference", "gateway")


def free_address() -> str:
    """Return an address that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass
class Replica:
    """One process of a service; `log` takes what it writes to stderr."""

    name: str
    address: str
    settings: Mapping[str, str]
    log: Path
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return once it is ready."""
        with self.log.open("ab") as lines:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                f"services.{self.name}",
                env=os.environ | self.settings | {"TECHNIC_EXIT_WITH_STDIN": "1"},
                stdin=asyncio.subprocess.PIPE,
                stdout=lines,
                stderr=lines,
            )
        async with asyncio.timeout(READY_S):
            while not await becomes_serving(self.address):
                assert self._process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.02)

    async def stop(self) -> tuple[int, float]:
        """Send a SIGTERM; return the exit code, and the seconds until it came."""
        assert self._process is not None
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(EXIT_S):
            code = await self._process.wait()
        return code, loop.time() - began

    async def restart(self) -> None:
        """Stop it as a deploy does, and start it again."""
        code, _ = await self.stop()
        assert code == 0, self.log.read_text()
        await self.start()

    async def kill(self) -> None:
        """End it at once, if it runs."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()


@dataclass
class Fleet:
    """Replicas by the name of their service."""

    folder: Path
    replicas: dict[str, list[Replica]] = field(default_factory=dict)

    def address(self, name: str) -> str:
        """Return one name for all replicas of a service."""
        return f"ipv4:{','.join(replica.address for replica in self.replicas[name])}"

    @property
    def all(self) -> list[Replica]:
        """All replicas."""
        return [replica for replicas in self.replicas.values() for replica in replicas]


@asynccontextmanager
async def fleet_of(
    folder: Path, url: str, counts: Mapping[str, int], settings: Mapping[str, str] | None = None
) -> AsyncIterator[Fleet]:
    """Run so many replicas of each service over the simulator at `url`; all get the settings."""
    fleet = Fleet(folder)
    for name in SERVICES:
        addresses = [free_address() for _ in range(counts.get(name, 1))]
        fleet.replicas[name] = [
            Replica(
                name,
                address,
                {f"{name.upper()}_ADDRESS": address} | _links(fleet, name, url, number) | _own(name, settings or {}),
                folder / f"{name}-{number}.log",
            )
            for number, address in enumerate(addresses)
        ]
    try:
        await asyncio.gather(*(replica.start() for replica in fleet.all))
        yield fleet
    finally:
        await asyncio.gather(*(replica.kill() for replica in fleet.all))


def _own(name: str, settings: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if key.startswith(name.upper())}


def _links(fleet: Fleet, name: str, url: str, number: int) -> dict[str, str]:
    if name == "fetcher":
        return {
            "FETCHER_PROVIDER": "simulated",
            "FETCHER_BASE_URL": url,
            "FETCHER_PLAN": "advanced",
            "FETCHER_CLOCK": CLOCK,
            "FETCHER_CALLS_PER_SECOND": "5000",
            "FETCHER_STORE_PATH": str(fleet.folder / f"store-{number}"),
            "FETCHER_DETAILS": "false",
            "FETCHER_WARM_SESSIONS": "0",
            "FETCHER_WARM_AT": "",
            "MASSIVE_API_KEY": KEY,
        }
    if name == "scorer":
        return {"SCORER_FETCHER_ADDRESS": fleet.address("fetcher"), "SCORER_CACHE_MB": "0"}
    if name == "gateway":
        links = {f"GATEWAY_{other.upper()}_ADDRESS": fleet.address(other) for other in SERVICES[:-1]}
        return links | {"GATEWAY_CACHE_MB": "0"}
    return {}
