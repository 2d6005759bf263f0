"""How calls flow: rate, concurrency, connections, cancellation."""

import asyncio
import os
import sys
import threading
from datetime import date
from itertools import pairwise

import pytest
from aiohttp import web
from pydantic import SecretStr

from services.fetcher.provider.client import DECODER_NICENESS, Client
from services.fetcher.provider.limits import PLANS, Plan
from services.fetcher.provider.retry import RetryPolicy
from services.fetcher.provider.transport import Endpoint
from services.market.errors import ProviderUnavailableError
from tests.fetcher.conftest import CANARY, SESSION, OpenSource, Provider
from tests.fetcher.faults import CURABLE, GOOD, hang, reset

FIRST = date(2025, 1, 2)


async def test_repair_gives_up_retrying_when_everything_fails(provider: Provider, open_source: OpenSource) -> None:
    provider.say(CURABLE["status 500"])
    source = open_source(provider.url)
    for _ in range(40):
        with pytest.raises(ProviderUnavailableError):
            await source.symbol_bars("AAPL", FIRST, SESSION)
    assert source.request_count <= 40 + 10 + 4


async def test_the_rate_is_kept_whatever_the_concurrency(provider: Provider, open_source: OpenSource) -> None:
    times: list[float] = []

    async def stamp(request: web.Request) -> web.StreamResponse:
        times.append(asyncio.get_running_loop().time())
        return await GOOD(request)

    provider.say(stamp)
    plan = Plan("test", calls=10, window_s=0.4, history_years=None, delay=None, repair_limit=0)
    source = open_source(provider.url, plan=plan, concurrency=30)
    assert source.concurrency == 10
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for _ in range(25):
            group.create_task(source.session_bars(SESSION))
    assert len(times) == 25
    # Calls are stamped when they are read, which a busy machine does late; test_limits holds the cap exactly.
    assert times[10] - began >= 0.4
    assert times[20] - began >= 0.8


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux only")
async def test_threads_that_decode_let_the_one_that_answers_go_first(url: str) -> None:
    def niceness(_: bytes) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    endpoint = Endpoint(url, SecretStr(CANARY), 1)
    client = Client(endpoint, PLANS["advanced"], RetryPolicy())
    try:
        decoding = await client.ask("/v3/reference/tickers?market=stocks", niceness)
    finally:
        await client.close()
    assert decoding == min(19, niceness(b"") + DECODER_NICENESS)


async def test_where_threads_may_not_stand_back_they_decode_all_the_same(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused)
    client = Client(Endpoint(url, SecretStr(CANARY), 1), PLANS["advanced"], RetryPolicy())
    try:
        assert await client.ask("/v3/reference/tickers?market=stocks", len) > 0
    finally:
        await client.close()


async def test_no_more_calls_are_in_flight_than_allowed(provider: Provider, open_source: OpenSource) -> None:
    flying = 0
    most = 0

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.005)
        flying -= 1
        return await GOOD(request)

    provider.say(count)
    source = open_source(provider.url, concurrency=3)
    async with asyncio.TaskGroup() as group:
        for _ in range(12):
            group.create_task(source.session_bars(SESSION))
    assert most == 3


async def test_a_cancelled_call_ends_at_the_provider_too(provider: Provider, open_source: OpenSource) -> None:
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def watch(request: web.Request) -> web.StreamResponse:
        arrived.set()
        try:
            return await hang(request)
        except asyncio.CancelledError:
            ended.set()
            raise

    provider.say(watch)
    task = asyncio.create_task(open_source(provider.url).session_bars(SESSION))
    async with asyncio.timeout(5):
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended.wait()
    assert len(provider.asked) == 1


async def test_a_dropped_connection_is_counted_for_every_call(provider: Provider, open_source: OpenSource) -> None:
    provider.say(GOOD, reset, GOOD)
    source = open_source(provider.url, concurrency=1)
    await source.session_bars(SESSION)
    await source.session_bars(SESSION)
    assert source.request_count == len(provider.asked) == 3


async def test_connections_are_kept(provider: Provider, open_source: OpenSource) -> None:
    peers = []

    async def note(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return await GOOD(request)

    provider.say(note)
    source = open_source(provider.url)
    for _ in range(3):
        await source.session_bars(SESSION)
    assert all(one == other for one, other in pairwise(peers))
