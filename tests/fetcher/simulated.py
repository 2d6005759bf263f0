"""The simulated API for tests of the source: a small market, its address, its faults."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime

import aiohttp

from services.market.sessions import NEW_YORK
from services.simulator.api import Terms, create_app
from services.simulator.market import Market
from services.simulator.plans import PLANS
from services.simulator.serve import serving
from tests.canary import PROVIDER_KEY

SESSION = date(2025, 9, 30)
CANARY = PROVIDER_KEY
EVENING = datetime(2025, 9, 30, 20, tzinfo=NEW_YORK)
GROUPED, HISTORY, DETAILS, SPLITS = "/v2/aggs/grouped", "/v2/aggs/ticker", "/v3/reference/tickers/", "/stocks/v1/splits"
LISTINGS, SNAPSHOT = "/v3/reference/tickers", "/v2/snapshot"


@asynccontextmanager
async def simulated(
    market: Market, plan: str = "advanced", clock: Callable[[], datetime] = lambda: EVENING
) -> AsyncIterator[str]:
    """Serve a market; yields the base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with serving(create_app(market, Terms(CANARY, PLANS[plan]), clock), listener) as url:
        yield url


async def get(url: str) -> bytes:
    """Return the body of an answer."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {CANARY}"}) as http,
        http.get(url) as response,
    ):
        return await response.read()


async def fault(url: str, *faults: dict[str, object]) -> None:
    """Switch faults; none at all ends them."""
    async with aiohttp.ClientSession() as http, http.post(url + "/simulator/faults", json={"faults": faults}) as done:
        assert done.status == 204
