"""The four services and the simulator in one process, speaking real gRPC over Unix sockets and real HTTP."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.fetcher import __main__ as fetcher
from services.fetcher.settings import FetcherSettings
from services.gateway import __main__ as gateway
from services.gateway.settings import GatewaySettings
from services.inference import __main__ as inference
from services.inference.settings import InferenceSettings
from services.market.sessions import NEW_YORK
from services.rpc.channel import open_channel
from services.rpc.serve import RunningServer, ServerSpec, start
from services.scorer import __main__ as scorer
from services.scorer.settings import ScorerSettings
from services.simulator.api import Terms, create_app
from services.simulator.market import Market, MarketSpec, generate
from services.simulator.plans import PLANS
from services.simulator.serve import serving
from technic.v1 import gateway_service_pb2 as pb
from technic.v1 import gateway_service_pb2_grpc
from tests.canary import PROVIDER_KEY

KEY = PROVIDER_KEY
CLOCK = "2025-09-30T20:00"
SYMBOLS = 300
ALONE: dict[str, Any] = {"details": False, "warm_sessions": 0, "warm_at": ""}
"""Settings of a fetcher that does nothing by itself: what is asked of the provider is what a test asks for."""


@dataclass
class Scan:
    """The events of one scan, by kind."""

    accepted: pb.ScanAccepted = field(default_factory=pb.ScanAccepted)
    progress: list[pb.ScanProgress] = field(default_factory=list)
    previews: list[pb.RowBatch] = field(default_factory=list)
    rows: list[pb.RowBatch] = field(default_factory=list)
    result: pb.ScanResult = field(default_factory=pb.ScanResult)
    order: list[str] = field(default_factory=list)

    def take(self, event: pb.ScanUniverseResponse) -> None:
        """Keep an event."""
        kind = str(event.WhichOneof("event"))
        self.order.append(kind)
        if kind == "accepted":
            self.accepted = event.accepted
        elif kind == "progress":
            self.progress.append(event.progress)
        elif kind == "rows":
            (self.rows if event.rows.final else self.previews).append(event.rows)
        else:
            self.result = event.result

    @property
    def symbols(self) -> list[str]:
        """Symbols of all rows, best first."""
        return [symbol for batch in self.rows for symbol in batch.symbols]


@dataclass
class Stack:
    """Running services by name, and a stub of the gateway."""

    folder: Path
    servers: dict[str, RunningServer]
    stub: gateway_service_pb2_grpc.GatewayServiceStub
    provider_url: str = ""

    @property
    def address(self) -> str:
        """Host and port of the gateway."""
        return self.servers["gateway"].address

    async def scan(self, request: pb.ScanUniverseRequest | None = None, **fields: Any) -> Scan:
        """Run a scan to its end."""
        scan = Scan()
        call = self.stub.ScanUniverse(request or pb.ScanUniverseRequest(**fields), timeout=60)
        async for event in call:
            scan.take(event)
        return scan

    async def kill(self, name: str) -> None:
        """Stop a service at once."""
        await self.servers[name].kill()

    async def calls(self) -> dict[str, Any]:
        """Return what the simulator was asked."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.provider_url}/simulator/calls") as answer:
            return dict(await answer.json())

    async def fault(self, *faults: dict[str, object]) -> None:
        """Make the simulator fail."""
        async with aiohttp.ClientSession() as http:
            url = f"{self.provider_url}/simulator/faults"
            async with http.post(url, json={"faults": faults}) as answer:
                answer.raise_for_status()


@pytest.fixture(scope="session")
def market() -> Market:
    return generate(MarketSpec(seed=7, symbols=SYMBOLS, end=date(2025, 9, 30)))


@asynccontextmanager
async def simulated(
    market: Market,
    *,
    latency_s: float = 0.0,
    plan: str = "advanced",
    clock: str = CLOCK,
    now: Callable[[], datetime] | None = None,
) -> AsyncIterator[str]:
    """Serve the market on a free port; yields the base URL. `now` is a clock that moves, in place of `clock`."""
    standing = datetime.fromisoformat(clock).replace(tzinfo=NEW_YORK)
    app = create_app(market, Terms(KEY, PLANS[plan], latency_s), now or (lambda: standing))
    async with serving(app, socket.create_server(("127.0.0.1", 0))) as url:
        yield url


@asynccontextmanager
async def running(
    folder: Path, fetcher_settings: dict[str, Any], without: tuple[str, ...] = (), **others: dict[str, Any]
) -> AsyncIterator[Stack]:
    """Run the four services, but those in `without`: on Unix sockets in `folder`, the gateway on a free port.

    `others` are settings of the scorer, the inference service and the gateway, by name.
    """
    address = {name: f"unix:{folder}/{name}" for name in ("fetcher", "scorer", "inference")}
    compositions: dict[str, Callable[[], AbstractAsyncContextManager[ServerSpec]]] = {
        "fetcher": lambda: fetcher.compose(FetcherSettings(address=address["fetcher"], **(ALONE | fetcher_settings))),
        "scorer": lambda: scorer.compose(
            ScorerSettings(
                **{"address": address["scorer"], "fetcher_address": address["fetcher"]} | others.get("scorer", {})
            )
        ),
        "inference": lambda: inference.compose(
            InferenceSettings(address=address["inference"], **others.get("inference", {}))
        ),
        "gateway": lambda: gateway.compose(
            GatewaySettings(
                **{f"{name}_address": place for name, place in address.items()}
                | {"address": "127.0.0.1:0"}
                | others.get("gateway", {}),
            )
        ),
    }
    async with AsyncExitStack() as stack:
        servers: dict[str, RunningServer] = {}
        for name, compose in compositions.items():
            if name not in without:
                servers[name] = await start(await stack.enter_async_context(compose()))
                stack.push_async_callback(servers[name].kill)
        channel = await stack.enter_async_context(open_channel(servers["gateway"].address))
        yield Stack(folder, servers, gateway_service_pb2_grpc.GatewayServiceStub(channel))


def simulated_settings(url: str, **changes: Any) -> dict[str, Any]:
    """Return the fetcher's settings for a simulator at `url`; bars are kept in memory only unless told otherwise."""
    return {
        "provider": "simulated",
        "base_url": url,
        "plan": "advanced",
        "clock": CLOCK,
        "calls_per_second": 5000,
        "MASSIVE_API_KEY": KEY,
        "store_path": "",
    } | changes


@pytest.fixture(scope="session")
async def stack(market: Market, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Four services over a simulated market, shared by the tests that leave them as they are."""
    async with (
        simulated(market) as url,
        running(tmp_path_factory.mktemp("stack"), simulated_settings(url)) as made,
    ):
        made.provider_url = url
        yield made
