"""A provider that is down: four timeouts, the circuit breaker, shared calls, and what a cold fill costs."""

import asyncio
import socket
from dataclasses import replace
from datetime import date, datetime

import pytest
from aiohttp import web

from services.fetcher.provider.breaker import THRESHOLD, CircuitOpenError
from services.fetcher.provider.limits import PLANS
from services.fetcher.provider.retry import RetryPolicy
from services.fetcher.provider.transport import Timeouts
from services.market.errors import ProviderUnavailableError
from services.market.sessions import NEW_YORK, sessions_ending
from tests.fetcher.conftest import CANARY, SESSION, Answer, OpenSource, Provider, json_answer
from tests.fetcher.faults import CURABLE, GOOD, drip, hang

FIRST = date(2025, 1, 2)
PATIENT = Timeouts(pool_s=30, connect_s=30, read_s=30, total_s=30)
UNTIL_THE_DEADLINE = RetryPolicy(base_s=0.05, cap_s=0.05)


@pytest.mark.parametrize(
    ("fault", "timeouts", "words"),
    [
        (hang, replace(PATIENT, read_s=0.05), "sent nothing for 0.05 s"),
        (drip, replace(PATIENT, total_s=0.1), "did not give its whole answer within 0.1 s"),
    ],
    ids=["read", "total"],
)
async def test_each_wait_for_an_answer_has_a_timeout_that_names_itself(
    fault: Answer, timeouts: Timeouts, words: str, provider: Provider, open_source: OpenSource
) -> None:
    provider.say(fault)
    with pytest.raises(ProviderUnavailableError, match=words):
        await open_source(provider.url, timeouts=timeouts).session_bars(SESSION)


async def test_the_wait_for_a_free_connection_has_a_timeout(provider: Provider, open_source: OpenSource) -> None:
    provider.say(hang)
    source = open_source(provider.url, concurrency=1, timeouts=replace(PATIENT, pool_s=0.05))
    holding = asyncio.create_task(source.session_bars(SESSION))
    await provider.until_asked(1)
    with pytest.raises(ProviderUnavailableError, match="No connection to the provider became free"):
        await source.session_bars(SESSION)
    assert len(provider.asked) == 1
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_connecting_has_a_timeout(open_source: OpenSource) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Nobody accepts: once the backlog is full, further connections get no answer at all.
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        source = open_source(f"http://127.0.0.1:{port}", timeouts=replace(PATIENT, connect_s=0.1))
        with pytest.raises(ProviderUnavailableError, match=r"took no connection within 0\.1 s"):
            await source.session_bars(SESSION)
        for filler in fillers:
            filler.close()


async def test_a_provider_that_is_down_is_told_apart_from_a_slow_one_and_probed(
    provider: Provider, open_source: OpenSource
) -> None:
    provider.say(CURABLE["status 500"])
    source = open_source(provider.url)
    states = [source.failing]
    while not states[-1]:
        with pytest.raises(ProviderUnavailableError):
            await source.details("SPY")
        states.append(source.failing)
    assert THRESHOLD <= len(provider.asked) <= THRESHOLD + 4
    asked = source.request_count
    with pytest.raises(CircuitOpenError, match="has been failing for") as caught:
        await source.symbol_bars("SPY", FIRST, SESSION)
    assert 0 < (caught.value.retry_after_s or 0) <= 1
    assert source.request_count == asked
    assert "open" in repr(source)
    assert CANARY not in repr(source)
    # A session waits for the breaker instead, and its probe closes it for all.
    provider.say(GOOD)
    bars = await asyncio.gather(*(source.session_bars(SESSION) for _ in range(5)))
    assert {one.bars.shape for one in bars} == {(5, 2)}
    assert not source.failing


async def test_sessions_wait_for_a_provider_that_is_down_and_send_one_probe(
    provider: Provider, open_source: OpenSource
) -> None:
    all_asked, release = asyncio.Event(), asyncio.Event()

    async def down_at_first(request: web.Request) -> web.StreamResponse:
        if len(provider.asked) <= 20:
            # All fail together: else the first ones would have tried again, and given up, before the breaker opens.
            if len(provider.asked) == 20:
                all_asked.set()
            await all_asked.wait()
            return await CURABLE["status 500"](request)
        await release.wait()
        return await GOOD(request)

    provider.say(down_at_first)
    source = open_source(provider.url, policy=UNTIL_THE_DEADLINE)
    waiting = [asyncio.create_task(source.session_bars(SESSION)) for _ in range(20)]
    await provider.until_asked(21)
    # The probe is on its way: all others wait for what it finds.
    assert (source.failing, len(provider.asked)) == (True, 21)
    release.set()
    assert {bars.bars.shape for bars in await asyncio.gather(*waiting)} == {(5, 2)}
    assert (source.failing, len(provider.asked)) == (False, 20 + 20)


async def test_callers_that_ask_the_same_of_a_symbol_at_once_share_one_call(
    provider: Provider, open_source: OpenSource
) -> None:
    release = asyncio.Event()

    async def held(request: web.Request) -> web.StreamResponse:
        await release.wait()
        details = {"results": {"ticker": "SPY"}}
        payload = details if "reference" in request.path else {"status": "OK", "resultsCount": 0}
        return await json_answer(payload)(request)

    provider.say(held)
    source = open_source(provider.url)
    tasks = [
        asyncio.create_task(ask)
        for _ in range(3)
        for ask in (source.details("SPY"), source.symbol_bars("SPY", FIRST, SESSION))
    ]
    await provider.until_asked(2)
    # One that leaves takes nothing from the others.
    for task in tasks[:2]:
        task.cancel()
    release.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(one, BaseException) for one in found] == [True] * 2 + [False] * 4
    assert len(provider.asked) == source.request_count == 2


async def test_a_cold_fill_on_the_basic_plan_takes_a_call_a_session_and_fourteen_more(
    provider: Provider, open_source: OpenSource
) -> None:
    listed = 12_500

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/v2/aggs/grouped"):
            return await json_answer({"results": [bar(request.path.rsplit("/", 1)[1])]})(request)
        if request.path.startswith("/stocks"):
            return await json_answer({"results": [SPLIT]})(request)
        first = int(request.query.get("cursor", 0))
        rows = [{"ticker": f"S{number}"} for number in range(first, min(first + 1000, listed))]
        following = {"next_url": f"{request.path}?cursor={first + 1000}"} if first + 1000 < listed else {}
        return await json_answer({"results": rows, **following})(request)

    provider.say(answer)
    # The plan in all but its pace: five calls a minute would take an hour.
    source = open_source(provider.url, plan=replace(PLANS["basic"], window_s=0.001))
    sessions = sessions_ending(SESSION, 300)
    assert len(await source.listings()) == listed
    assert len(await source.splits(sessions[0])) == 1
    for session in sessions:
        await source.session_bars(session)
    # Thirteen pages of listings, one of splits.
    assert source.request_count == len(provider.asked) == 300 + 13 + 1


SPLIT = {"ticker": "AAPL", "execution_date": "2025-06-02", "split_from": 1, "split_to": 4}


def bar(day: str) -> dict[str, object]:
    """Give a row of a session, at noon in New York."""
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=NEW_YORK)
    return {"T": "A", **dict.fromkeys("ohlcv", 1.0), "t": int(noon.timestamp() * 1000)}
