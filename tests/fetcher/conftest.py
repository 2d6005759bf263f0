"""Sources over HTTP, and a provider that answers as a test tells it to."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from aiohttp import web
from pydantic import SecretStr

from services.fetcher.provider.limits import PLANS, Plan
from services.fetcher.provider.massive import MassiveSource
from services.fetcher.provider.retry import RetryPolicy
from services.fetcher.provider.transport import Endpoint, Timeouts
from services.fetcher.symbols import SymbolIndex
from services.market.sessions import NEW_YORK
from services.simulator.market import Market, MarketSpec, generate
from tests.fetcher.simulated import CANARY, EVENING, SESSION, simulated

__all__ = ["CANARY", "EVENING", "SESSION"]

FAST = RetryPolicy(attempts=4, base_s=0.001, cap_s=0.002)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def grouped_body() -> bytes:
    close = int(datetime(2025, 9, 30, 16, tzinfo=NEW_YORK).timestamp() * 1000)
    rows = [
        {"T": symbol, "o": 10.0, "h": 11.0, "l": 9.0, "c": 10.5, "v": 1000.5, "t": close} for symbol in ("AAPL", "MSFT")
    ]
    return json.dumps({"status": "OK", "resultsCount": 2, "results": rows}).encode()


def json_answer(payload: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(payload, status=status, headers=headers)

    return answer


def bytes_answer(body: bytes, *, headers: dict[str, str] | None = None) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers, content_type="application/json")

    return answer


def packed_answer(body: bytes) -> Answer:
    return bytes_answer(gzip.compress(body), headers={"Content-Encoding": "gzip"})


@dataclass
class Provider:
    """A server that gives its `answers` one after the other, the last one for ever, and keeps what it was asked."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[web.Request] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, *answers: Answer) -> None:
        """Forget the past and give these answers from now on."""
        self.answers = list(answers)
        self.asked.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Give the next answer."""
        self.asked.append(request)
        self.arrived.set()
        return await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)

    async def until_asked(self, count: int) -> None:
        """Wait until there were so many requests."""
        async with asyncio.timeout(5):
            while len(self.asked) < count:
                self.arrived.clear()
                await self.arrived.wait()

    @property
    def paths(self) -> list[str]:
        """Paths and queries that were asked for."""
        return [request.path_qs for request in self.asked]


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    told = Provider()
    app = web.Application()
    app.router.add_get("/{path:.*}", told.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield told
    await runner.cleanup()


@pytest.fixture(scope="session")
def market() -> Market:
    return generate(MarketSpec(seed=5, symbols=300, end=SESSION))


@pytest.fixture
async def url(market: Market) -> AsyncIterator[str]:
    """Where that market is served, until the test ends."""
    async with simulated(market) as address:
        yield address


OpenSource = Callable[..., MassiveSource]


@pytest.fixture
async def open_source() -> AsyncIterator[OpenSource]:
    """Makes sources; closes them after the test."""
    async with AsyncExitStack() as stack:

        def opened(
            url: str,
            *,
            plan: Plan = PLANS["advanced"],
            key: str = CANARY,
            concurrency: int = 20,
            timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
            now: datetime = EVENING,
            clock: Callable[[], datetime] | None = None,
            policy: RetryPolicy = FAST,
        ) -> MassiveSource:
            source = MassiveSource(
                Endpoint(url, SecretStr(key), concurrency, timeouts),
                plan,
                clock or (lambda: now),
                SymbolIndex(),
                name="simulated",
                retry_policy=policy,
            )
            stack.push_async_callback(source.close)
            return source

        yield opened
