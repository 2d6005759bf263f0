"""The REST API: shapes, timestamps, errors, paging, compression, as the vendor's."""

import gzip
import json
from datetime import datetime
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from services.market.sessions import NEW_YORK
from services.simulator.bars import SCALE, adjusted_bars, raw_bars
from services.simulator.history import History
from services.simulator.market import HISTORY, Market
from services.simulator.vantage import Vantage
from tests.simulator.conftest import KEY, Running, Start

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/"
SPY = "/v2/aggs/ticker/SPY/range/1/day/"


def moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, NEW_YORK).isoformat(timespec="minutes")[:16]


@pytest.mark.parametrize("adjusted", [False, True])
async def test_grouped_holds_every_symbol_that_traded(simulator: Running, market: Market, adjusted: bool) -> None:  # noqa: FBT001 - parametrized
    status, found = await simulator.get(f"{GROUPED}2025-03-14?adjusted={str(adjusted).lower()}")
    position, columns = (
        market.sessions.index(datetime(2025, 3, 14, tzinfo=NEW_YORK).date()),
        np.arange(len(market.listings.symbols)),
    )
    sessions = np.array([position])
    bars = adjusted_bars(market, HISTORY - 1, sessions, columns) if adjusted else raw_bars(market, sessions, columns)
    assert status == 200
    assert found["adjusted"] is adjusted
    assert found["status"] == "OK"
    closes = {row["T"]: row["c"] for row in found["results"]}
    expected = {
        market.listings.symbols[column]: bars.close[0, column] / SCALE for column in np.flatnonzero(bars.traded[0])
    }
    assert closes == expected


async def test_grouped_is_stamped_at_the_close_and_custom_bars_at_midnight(simulator: Running) -> None:
    _, grouped = await simulator.get(GROUPED + "2025-07-03")
    _, custom = await simulator.get(SPY + "2025-07-03/2025-07-03")
    _, previous = await simulator.get("/v2/aggs/ticker/SPY/prev")
    assert {moment(row["t"]) for row in grouped["results"]} == {"2025-07-03T16:00"}
    assert [moment(row["t"]) for row in custom["results"]] == ["2025-07-03T00:00"]
    assert [moment(row["t"]) for row in previous["results"]] == ["2025-09-30T16:00"]


@pytest.mark.parametrize("day", ["2025-07-04", "2025-09-27", "2025-10-01", "1999-01-04"])
async def test_a_day_without_bars_is_a_good_answer_without_results(simulator: Running, day: str) -> None:
    status, found = await simulator.get(GROUPED + day)
    assert status == 200
    assert found["resultsCount"] == 0
    assert "results" not in found


@pytest.mark.parametrize("path", ["NOSUCH/range/1/day/2025-01-02/2025-02-03", "SPY/range/1/day/2025-07-04/2025-07-06"])
async def test_custom_bars_without_bars_are_a_good_answer_without_results(simulator: Running, path: str) -> None:
    status, found = await simulator.get("/v2/aggs/ticker/" + path)
    assert status == 200
    assert found["queryCount"] == found["resultsCount"] == 0
    assert "results" not in found


async def test_custom_bars_page_by_a_cursor_that_holds_no_key(simulator: Running) -> None:
    url = f"{SPY}2024-01-02/2025-09-30"
    _, whole = await simulator.get(url + "?limit=50000&sort=desc")
    _, first = await simulator.get(f"{url}?limit=300&sort=desc&apiKey={KEY}")
    assert first["next_url"].startswith(f"{simulator.url}{url}?cursor=")
    _, second = await simulator.get(first["next_url"].removeprefix(simulator.url))
    assert first["results"] + second["results"] == whole["results"]
    assert "next_url" not in second
    assert "next_url" not in whole
    async with aiohttp.ClientSession() as stranger, stranger.get(first["next_url"]) as response:
        assert response.status == 401


async def test_a_grouped_row_equals_the_custom_bar_of_the_same_session(simulator: Running, market: Market) -> None:
    _, grouped = await simulator.get(GROUPED + "2025-03-14?adjusted=false")
    rows = {row["T"]: row for row in grouped["results"]}
    for symbol in market.listings.symbols[::60]:
        _, custom = await simulator.get(f"/v2/aggs/ticker/{symbol}/range/1/day/2025-03-14/2025-03-14?adjusted=false")
        expected = [{**rows[symbol], "t": custom["results"][0]["t"]}] if symbol in rows else []
        assert [{"T": symbol, **row} for row in custom.get("results", [])] == expected


async def all_pages(simulator: Running, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while path:
        status, found = await simulator.get(path)
        assert status == 200
        rows += found["results"]
        path = found.get("next_url", "").removeprefix(simulator.url)
    return rows


async def test_the_reference_list_pages_through_all_active_symbols(simulator: Running, market: Market) -> None:
    rows = await all_pages(simulator, "/v3/reference/tickers?market=stocks&active=true&type=&limit=70")
    assert [row["ticker"] for row in rows] == sorted(market.listings.symbols[: market.listings.active])
    assert all({"name", "market", "locale", "primary_exchange", "active"} <= set(row) for row in rows)
    assert any("type" not in row for row in rows)


async def test_delisted_symbols_are_inactive_and_the_unreferenced_one_is_nowhere(
    simulator: Running, market: Market
) -> None:
    inactive = await all_pages(simulator, "/v3/reference/tickers?active=false")
    expected = sorted(market.listings.symbols[market.listings.active : -1])
    assert [row["ticker"] for row in inactive] == expected
    status, _ = await simulator.get(f"/v3/reference/tickers/{market.listings.symbols[-1]}")
    assert status == 404
    _, grouped = await simulator.get(GROUPED + "2025-09-30")
    assert market.listings.symbols[-1] in {row["T"] for row in grouped["results"]}


async def test_the_reference_list_filters_by_type_and_ticker(simulator: Running) -> None:
    funds = await all_pages(simulator, "/v3/reference/tickers?type=ETF&limit=1000")
    assert {row["type"] for row in funds} == {"ETF"}
    later = await all_pages(simulator, "/v3/reference/tickers?type=ETF&ticker.gt=SPY&order=desc&limit=1000")
    assert [row["ticker"] for row in later] == sorted((r["ticker"] for r in funds if r["ticker"] > "SPY"), reverse=True)


async def test_details_of_a_company_have_its_industry(simulator: Running, market: Market) -> None:
    details = [
        (await simulator.get(f"/v3/reference/tickers/{symbol}"))[1]["results"]
        for symbol in market.listings.symbols[8:80]
    ]
    assert all(len(row["sic_code"]) == 4 and row["sic_description"] for row in details)
    assert any("market_cap" not in row for row in details)
    _, fund = await simulator.get("/v3/reference/tickers/SPY")
    assert "sic_code" not in fund["results"]


async def test_splits_page_in_both_forms_and_orders(simulator: Running, market: Market) -> None:
    new = await all_pages(simulator, "/stocks/v1/splits?limit=4")
    old = await all_pages(simulator, "/v3/reference/splits")
    dates = [row["execution_date"] for row in new]
    assert len(new) == len(old) == len(market.splits.rows)
    assert dates == sorted(dates)
    assert [row["execution_date"] for row in old] == dates[::-1]
    assert {row["adjustment_type"] for row in new} == {"forward_split", "reverse_split"}
    future = await all_pages(simulator, "/stocks/v1/splits?execution_date.gt=2025-09-30&limit=5000")
    assert future == [row for row in new if row["execution_date"] > "2025-09-30"]
    assert future


async def test_the_historical_factor_restates_the_oldest_price(simulator: Running, market: Market) -> None:
    rows = await all_pages(simulator, "/stocks/v1/splits?execution_date.lte=2025-09-30&limit=5000")
    row = rows[0]
    url = f"/v2/aggs/ticker/{row['ticker']}/range/1/day/{market.sessions[0]}/{market.sessions[3]}"
    _, raw = await simulator.get(url + "?adjusted=false")
    _, adjusted = await simulator.get(url + "?adjusted=true")
    restated = raw["results"][0]["c"] * row["historical_adjustment_factor"]
    assert adjusted["results"][0]["c"] == pytest.approx(restated, abs=1e-4)


@pytest.mark.parametrize(
    ("path", "status", "member"),
    [
        (GROUPED + "yesterday", 400, "error"),
        (SPY + "2025-01-02/soon", 400, "error"),
        ("/v2/aggs/ticker/SPY/range/5/minute/2025-01-02/2025-01-03", 400, "error"),
        ("/v3/reference/tickers?limit=1001", 400, "error"),
        ("/v3/reference/tickers?limit=many", 400, "error"),
        ("/v3/reference/tickers?cursor=%21", 400, "error"),
        ("/v3/reference/tickers?cursor=b2Zmc2V0PXg=", 400, "error"),
        ("/v3/reference/tickers/NOSUCH", 404, "message"),
    ],
)
async def test_errors_have_the_vendors_shape(simulator: Running, path: str, status: int, member: str) -> None:
    found_status, found = await simulator.get(path)
    assert found_status == status
    assert found["status"] == ("NOT_FOUND" if status == 404 else "ERROR")
    assert found[member]
    assert found["request_id"]


async def test_the_key_is_checked_in_header_and_query(simulator: Running) -> None:
    async with aiohttp.ClientSession() as http:
        for query, header, status in [("", "", 401), ("", "Bearer wrong", 401), (f"?apiKey={KEY}", "", 200)]:
            headers = {"Authorization": header} if header else {}
            async with http.get(f"{simulator.url}/v1/marketstatus/now{query}", headers=headers) as response:
                assert response.status == status
                assert KEY not in await response.text()
                assert ("error" in await response.json()) is (status == 401)


async def test_answers_are_compressed_only_when_asked(simulator: Running) -> None:
    url = f"{simulator.url}{GROUPED}2025-09-30"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}, auto_decompress=False) as http:
        async with http.get(url, headers={"Accept-Encoding": "gzip"}) as response:
            packed = await response.read()
            assert response.headers["Content-Encoding"] == "gzip"
        async with http.get(url, headers={"Accept-Encoding": "identity"}) as response:
            plain = await response.read()
            assert "Content-Encoding" not in response.headers
            assert response.headers["X-Request-Id"]
    assert gzip.decompress(packed) == plain
    assert json.loads(plain)["resultsCount"] > 200


async def test_unknown_parameters_are_ignored(simulator: Running) -> None:
    assert (await simulator.get(GROUPED + "2025-09-30?include_otc=true&whatever=1"))[0] == 200


async def test_closures_ahead_are_listed_with_their_hours(simulator: Running) -> None:
    _, rows = await simulator.get("/v1/marketstatus/upcoming")
    nyse = {row["date"]: row for row in rows if row["exchange"] == "NYSE"}
    assert nyse["2025-11-27"]["status"] == "closed"
    assert nyse["2025-11-28"]["status"] == "early-close"
    assert nyse["2025-11-28"]["close"] == "2025-11-28T18:00:00.000Z"
    assert min(nyse) > "2025-09-30"


async def test_adjusted_history_changes_when_a_split_executes(start: Start, market: Market) -> None:
    row = next(row for row in market.splits.rows if row.session >= HISTORY and row.factor > 1)
    symbol = market.listings.symbols[row.column]
    url = f"/v2/aggs/ticker/{symbol}/range/1/day/2025-09-01/2025-09-30"
    async with start() as running:
        _, before = await running.get(url)
        running.now = datetime.combine(market.sessions[row.session], datetime.min.time(), NEW_YORK)
        _, after = await running.get(url)
        _, raw = await running.get(url + "?adjusted=false")
    assert before["results"] == raw["results"]
    assert after["results"][0]["c"] == pytest.approx(before["results"][0]["c"] / row.factor, abs=1e-4)


async def test_a_history_is_made_once(simulator: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    page = History.page

    def counted(self: History, view: Vantage, request: web.Request) -> dict[str, object]:
        made.append(request.path)
        return page(self, view, request)

    monkeypatch.setattr(History, "page", counted)
    url = "/v2/aggs/ticker/SPY/range/1/day/2025-09-01/2025-09-30"
    first = await simulator.get(url)
    assert await simulator.get(url) == first
    assert await simulator.get(url + "?adjusted=false") != first
    assert made == [url, url]


async def test_a_history_with_a_running_session_is_made_anew(start: Start) -> None:
    url = "/v2/aggs/ticker/SPY/range/1/day/2025-09-01/2025-09-30"
    async with start(now=datetime(2025, 9, 30, 12, tzinfo=NEW_YORK)) as running:
        _, noon = await running.get(url)
        running.now = datetime(2025, 9, 30, 15, tzinfo=NEW_YORK)
        _, later = await running.get(url)
    assert later["results"][:-1] == noon["results"][:-1]
    assert later["results"][-1]["v"] > noon["results"][-1]["v"]


async def test_the_simulator_tells_which_market_it_has_and_when(simulator: Running, market: Market) -> None:
    status, found = await simulator.get("/simulator/market")
    assert status == 200
    assert found == {"fingerprint": market.spec.fingerprint, "clock": simulator.now.isoformat()}
