"""Four services over a running simulator, each of which can be killed and started again by itself."""

import asyncio
import json
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import grpc

from services.cli.launch import plan_stack, private_addresses
from services.cli.process import ServiceProcess
from services.cli.readiness import wait_until_ready
from services.cli.stack import Stack
from services.market.errors import InvalidRequestError, TechnicError
from services.rpc.channel import open_channel
from services.rpc.status import from_call
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import gateway_service_pb2_grpc, scorer_service_pb2, scorer_service_pb2_grpc, vocabulary_pb2
from tests.benchmarks.stacks import SERVICES, Provider, environment

FORGETFUL: Final = {"SCORER_CACHE_MB": "0", "GATEWAY_CACHE_MB": "0"}
"""Settings of services that score anew each time."""
LINK_S: Final = 30.0
"""Seconds that services get to find one that was started again."""
_POLL_S: Final = 0.01
_SUNDAY: Final = "2025-09-28"
"""No session: whoever is asked for it refuses, and begins nothing."""


class Fleet:
    """Made by `open_fleet`, which also ends it.

    Attributes:
        stub: of the gateway.
        processes: those that run, by name.
        folder: holds sockets and the store.
    """

    def __init__(self, provider: Provider, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self._provider = provider
        self._addresses = replace(private_addresses(folder), simulator=provider.address)
        self._settings = dict(settings)
        self._store = 0
        self.processes: dict[str, ServiceProcess] = {}
        self._gateway = open_channel(self._addresses.gateway)
        self._scorer = open_channel(self._addresses.scorer)
        self.stub = gateway_service_pb2_grpc.GatewayServiceStub(self._gateway)

    async def start(self, *names: str) -> None:
        """Start services, and return once they are ready and find each other."""
        store = {"FETCHER_STORE_PATH": str(self.folder / f"store-{self._store}")}
        settings = environment(self._settings | store)
        commands = plan_stack(self._provider.source, self._addresses, settings, home=self._provider.home, names=names)
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        for command in commands:
            self.processes[command.name] = ServiceProcess(command, logs / f"{command.name}.log")
        await wait_until_ready(Stack(self._addresses, [self.processes[name] for name in names], logs), lambda *_: None)
        await self._linked()
        if "inference" in names:
            await self._models_linked()

    def kill(self, name: str) -> None:
        """End a service by SIGKILL."""
        self.processes.pop(name).kill()

    async def restart_fetcher(self, *, empty: bool) -> None:
        """Kill the fetcher and start it over the same store, or over an empty one."""
        self.kill("fetcher")
        self._store += empty
        await self.start("fetcher")

    async def close(self) -> None:
        """End everything."""
        await self._gateway.close()
        await self._scorer.close()
        for process in self.processes.values():
            process.kill()

    async def _linked(self) -> None:
        """Wait until the gateway and the scorer are there and reach the fetcher: it refuses a day without a session."""
        scan = pb.ScanUniverseRequest(as_of=_SUNDAY)
        score = scorer_service_pb2.ScoreUniverseRequest(symbols=["SPY"], as_of=_SUNDAY)
        scorer = scorer_service_pb2_grpc.ScorerServiceStub(self._scorer)
        await _until(lambda: _refuses(self.stub.ScanUniverse(scan, timeout=LINK_S)))
        await _until(lambda: _refuses(scorer.ScoreUniverse(score, timeout=LINK_S)))

    async def _models_linked(self) -> None:
        """Wait until the gateway reaches the models: a scan without a symbol to score names them all the same."""
        request = pb.ScanUniverseRequest(symbols=["SPY"], types=[vocabulary_pb2.SYMBOL_TYPE_COMMON])
        await _until(lambda: self._names_models(request))

    async def _names_models(self, request: pb.ScanUniverseRequest) -> bool:
        async for event in self.stub.ScanUniverse(request, timeout=LINK_S):
            if event.HasField("result"):
                return "alpha_5" in event.result.versions
        return False


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LINK_S):
        while True:
            if await holds():
                return
            await asyncio.sleep(_POLL_S)


async def _refuses(call: Any) -> bool:
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return isinstance(from_call(error, "service"), InvalidRequestError)
    raise TechnicError("a day without a session was answered")


@asynccontextmanager
async def open_fleet(provider: Provider, settings: Mapping[str, str]) -> AsyncIterator[Fleet]:
    """Run four services over an empty store."""
    with tempfile.TemporaryDirectory(prefix="technic-") as folder:
        fleet = Fleet(provider, Path(folder), settings)
        try:
            await fleet.start(*SERVICES)
            yield fleet
        finally:
            await fleet.close()


async def set_faults(provider: Provider, *faults: Mapping[str, object]) -> None:
    """Make the simulator fail in these ways, and in no other."""
    body = json.dumps({"faults": faults}).encode()
    request = urllib.request.Request(f"http://{provider.address}/simulator/faults", body, method="POST")
    await asyncio.to_thread(_read, request)


async def call_count(provider: Provider) -> int:
    """Return how many calls the simulator had."""
    url = urllib.request.Request(f"http://{provider.address}/simulator/calls")
    return int(sum(json.loads(await asyncio.to_thread(_read, url))["counts"].values()))


def _read(request: urllib.request.Request) -> bytes:
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own simulator
        return bytes(answer.read())
