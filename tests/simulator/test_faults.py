"""Faults on request, and the record of calls."""

import asyncio
import time

import aiohttp
import pytest

from tests.simulator.conftest import Running, Start

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/"
DAY = GROUPED + "2025-09-30"


async def calls(running: Running) -> dict[str, object]:
    return dict((await running.get("/simulator/calls"))[1])


@pytest.mark.parametrize("code", [429, 500, 502, 504])
async def test_an_error_status_comes_as_often_as_asked(simulator: Running, code: int) -> None:
    await simulator.fault({"kind": "status", "status": code, "path": GROUPED, "after": 1, "times": 2})
    assert [(await simulator.get(DAY))[0] for _ in range(4)] == [200, code, code, 200]
    assert (await simulator.get("/v1/marketstatus/now"))[0] == 200


@pytest.mark.parametrize(("retry_after", "header"), [(None, None), (1.5, "1.5")])
async def test_a_429_comes_with_or_without_retry_after(
    simulator: Running, retry_after: float | None, header: str | None
) -> None:
    await simulator.fault({"kind": "status", "status": 429, "retry_after": retry_after, "times": 1})
    async with simulator.http.get(simulator.url + DAY) as response:
        assert response.status == 429
        assert response.headers.get("Retry-After") == header
        assert (await response.json())["error"]


async def test_a_truncated_body_ends_before_its_length(simulator: Running) -> None:
    await simulator.fault({"kind": "truncated", "times": 1})
    with pytest.raises(aiohttp.ClientPayloadError):
        await simulator.get(DAY)
    assert (await simulator.get(DAY))[0] == 200


async def test_a_connection_is_reset(simulator: Running) -> None:
    # A client may ask again by itself when a kept connection breaks: every call is struck.
    await simulator.fault({"kind": "reset"})
    with pytest.raises(aiohttp.ClientConnectionError):
        await simulator.get(DAY)
    await simulator.fault()
    assert (await simulator.get(DAY))[0] == 200


async def test_null_results_and_html_come_with_200(simulator: Running) -> None:
    await simulator.fault({"kind": "null_results", "times": 1}, {"kind": "html", "times": 2, "after": 0})
    assert await simulator.get(DAY) == (200, {"status": "OK", "results": None})
    async with simulator.http.get(simulator.url + DAY) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
    await simulator.fault()


@pytest.mark.parametrize("kind", ["slow", "drip"])
async def test_slow_answers_take_their_time_and_arrive_whole(simulator: Running, kind: str) -> None:
    _, expected = await simulator.get(DAY)
    await simulator.fault({"kind": kind, "seconds": 0.2, "times": 1})
    began = time.monotonic()
    assert await simulator.get(DAY) == (200, expected)
    assert time.monotonic() - began >= 0.18


async def test_a_hanging_answer_can_be_left(simulator: Running) -> None:
    await simulator.fault({"kind": "slow", "seconds": 600, "times": 1})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await simulator.get(DAY)
    assert (await simulator.get(DAY))[0] == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "meteor"},
        {"kind": "status", "status": 200},
        {"kind": "slow", "seconds": -1},
        {"path": "/"},
        {"kind": "reset", "who": 1},
        {"kind": "slow", "seconds": "x"},
        {"kind": "reset", "after": -1},
    ],
)
async def test_an_impossible_fault_is_refused(simulator: Running, fault: dict[str, object]) -> None:
    assert await simulator.fault(fault) == 400
    assert (await simulator.get(DAY))[0] == 200


async def test_calls_are_counted_by_endpoint_with_their_times(start: Start) -> None:
    async with start() as running:
        await running.get(DAY + "?apiKey=hidden")
        await running.get(DAY)
        await running.get("/v3/reference/tickers/SPY")
        await running.get("/v3/reference/tickers/NOSUCH")
        found = await calls(running)
    assert found["total"] == 4
    assert found["counts"] == {"grouped": 2, "details": 2}
    last = found["last"]
    assert isinstance(last, list)
    assert [call["path"] for call in last][:2] == [DAY, DAY]
    times = [call["at"] for call in last]
    assert times == sorted(times)
    assert times[-1] <= found["now"]


async def test_latency_delays_every_answer(start: Start) -> None:
    async with start(latency_s=0.1) as running:
        began = time.monotonic()
        await running.get(DAY)
        assert time.monotonic() - began >= 0.1
