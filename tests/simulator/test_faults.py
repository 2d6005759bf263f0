"""Faults on request, and the record of calls."""

import asyncio
import gzip
import json
import math
import time
from collections.abc import Callable
from typing import Any

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
        {"kind": "nan", "every": 0},
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


async def rows(simulator: Running, path: str = DAY) -> list[dict[str, Any]]:
    """Return the rows of an answer, read as leniently as the standard library reads."""
    async with simulator.http.get(simulator.url + path) as response:
        assert response.status == 200
        return list(json.loads(await response.read())["results"])


SPOILED_BARS: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "nan": lambda row, _: math.isnan(row["c"]),
    "null_values": lambda row, _: row["c"] is None,
    "negative_prices": lambda row, _: row["o"] < 0,
    "absurd_prices": lambda row, good: row["l"] == pytest.approx(good["l"] * 1e12),
    "high_below_low": lambda row, _: row["h"] < row["l"],
    "wrong_types": lambda row, _: row["c"] == "12.5",
    "unknown_fields": lambda row, good: row.keys() - good.keys() == {"zz"},
    "wrong_symbol": lambda row, _: row["ticker"] == "WRONG",
}


@pytest.mark.parametrize("kind", SPOILED_BARS)
async def test_some_rows_are_spoiled_and_the_others_stay(simulator: Running, kind: str) -> None:
    good = await rows(simulator)
    await simulator.fault({"kind": kind, "every": 7, "times": 1})
    spoiled = await rows(simulator)
    changed = [number for number, row in enumerate(spoiled) if row != good[number]]
    assert changed == list(range(0, len(good), 7))
    assert all(SPOILED_BARS[kind](spoiled[number], good[number]) for number in changed)
    assert await rows(simulator) == good


async def test_rows_come_twice_in_another_order_or_not_at_all(simulator: Running) -> None:
    good = await rows(simulator)
    await simulator.fault(
        *({"kind": kind, "times": count} for count, kind in enumerate(("unordered", "duplicate_rows"), 1))
    )
    assert await rows(simulator) == good[::-1]
    twice = await rows(simulator)
    assert twice[-len(good) :] == good
    assert [row["T"] for row in twice[: -len(good)]] == [row["T"] for row in good[::10]]
    await simulator.fault({"kind": "no_results", "times": 1}, {"kind": "empty_page", "times": 2})
    assert "results" not in (await simulator.get(DAY))[1]
    assert (await simulator.get(DAY))[1]["results"] == []


async def test_pages_without_end_name_themselves(simulator: Running) -> None:
    await simulator.fault({"kind": "endless_pages", "times": 1})
    path = "/stocks/v1/splits?limit=5"
    assert (await simulator.get(path))[1]["next_url"] == simulator.url + path


async def test_a_cut_or_swollen_stream_is_whole_for_http(simulator: Running) -> None:
    await simulator.fault({"kind": "truncated_gzip", "times": 1}, {"kind": "oversized", "times": 2})
    async with aiohttp.ClientSession(headers=simulator.http.headers, auto_decompress=False) as http:
        bodies = []
        for _ in range(2):
            async with http.get(simulator.url + DAY) as response:
                bodies.append(await response.read())
    with pytest.raises(EOFError):
        gzip.decompress(bodies[0])
    assert len(gzip.decompress(bodies[1])) > 64 * 2**20


async def test_json_may_be_called_plain_text_and_today_refused(simulator: Running) -> None:
    await simulator.fault({"kind": "wrong_content_type", "times": 1}, {"kind": "too_early", "times": 2})
    async with simulator.http.get(simulator.url + DAY) as response:
        assert response.content_type == "text/plain"
    status, answer = await simulator.get(DAY)
    assert (status, "before end of day" in answer["message"]) == (403, True)


async def test_details_and_the_snapshot_are_spoiled_too(simulator: Running) -> None:
    await simulator.fault({"kind": "wrong_symbol", "times": 1}, {"kind": "high_below_low", "every": 1})
    assert (await simulator.get("/v3/reference/tickers/SPY"))[1]["results"]["ticker"] == "WRONG"
    days = [row["day"] for row in (await simulator.get("/v2/snapshot/locale/us/markets/stocks/tickers"))[1]["tickers"]]
    assert all(day["h"] < day["l"] for day in days if day["l"])
    await simulator.fault()
