"""A small generated market, and servers that answer from it."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.market.sessions import NEW_YORK
from services.simulator.api import Terms, create_app
from services.simulator.cache import Folder
from services.simulator.market import Market, MarketSpec, generate
from services.simulator.plans import PLANS
from services.simulator.serve import serving
from tests.canary import PROVIDER_KEY

KEY = PROVIDER_KEY
END = date(2025, 9, 30)
AFTER_CLOSE = datetime(2025, 9, 30, 20, tzinfo=NEW_YORK)


@dataclass(slots=True)
class Running:
    """A running simulator: its address, its movable clock, and a session that has the key."""

    url: str
    now: datetime
    http: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON document of an answer."""
        async with self.http.get(self.url + path) as response:
            return response.status, await response.json()

    async def fault(self, *faults: dict[str, object]) -> int:
        """Switch faults, and return the status."""
        async with self.http.post(self.url + "/simulator/faults", json={"faults": faults}) as response:
            return response.status


Start = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture(scope="session")
def market() -> Market:
    return generate(MarketSpec(seed=11, symbols=300, end=END))


@pytest.fixture(scope="session")
def start(market: Market) -> Start:
    @asynccontextmanager
    async def started(
        plan: str = "advanced", now: datetime = AFTER_CLOSE, cache: Path | None = None, latency_s: float = 0
    ) -> AsyncIterator[Running]:
        listener = socket.create_server(("127.0.0.1", 0))
        folder = None if cache is None else Folder(cache, market.spec.fingerprint)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as http:
            running = Running("", now, http)
            terms = Terms(KEY, PLANS[plan], latency_s)
            async with serving(create_app(market, terms, lambda: running.now, folder), listener) as url:
                running.url = url
                yield running

    return started


@pytest.fixture(scope="session")
async def simulator(start: Start) -> AsyncIterator[Running]:
    async with start() as running:
        yield running
