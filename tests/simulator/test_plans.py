"""What each plan may see, and when."""

from datetime import datetime, timedelta

import pytest

from services.market.sessions import NEW_YORK
from services.simulator.answers import RefusalError
from services.simulator.plans import PLANS, CallLimit
from tests.simulator.conftest import Start

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks/"
SNAPSHOT = "/v2/snapshot/locale/us/markets/stocks/tickers"


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


async def test_basic_refuses_today_until_midnight_new_york(start: Start) -> None:
    async with start("basic", new_york("2025-09-30T23:59")) as running:
        status, refused = await running.get(GROUPED + "2025-09-30")
        assert status == 403
        assert refused["status"] == "NOT_AUTHORIZED"
        assert "before end of day" in refused["message"]
        _, custom = await running.get("/v2/aggs/ticker/SPY/range/1/day/2025-09-29/2025-09-30")
        assert custom["resultsCount"] == 1
        running.now = new_york("2025-10-01T00:01")
        status, shown = await running.get(GROUPED + "2025-09-30")
        assert status == 200
        assert shown["resultsCount"] > 0


async def test_basic_has_no_snapshot_and_two_years(start: Start) -> None:
    async with start("basic") as running:
        assert "not entitled" in (await running.get(SNAPSHOT))[1]["message"]
        status, old = await running.get(GROUPED + "2023-09-28")
        assert status == 403
        assert "timeframe" in old["message"]
        assert (await running.get("/v2/aggs/ticker/SPY/range/1/day/2023-09-28/2024-01-05"))[0] == 403
        assert (await running.get(GROUPED + "2023-10-02"))[0] == 200


async def test_basic_answers_five_calls_a_minute(start: Start) -> None:
    async with start("basic") as running:
        statuses = [(await running.get(f"{GROUPED}2025-09-2{day}"))[0] for day in range(2, 8)]
        assert statuses == [200] * 5 + [429]
        _, refused = await running.get(GROUPED + "2025-09-22")
        assert "maximum requests per minute" in refused["error"]


def test_the_call_limit_slides() -> None:
    now = 100.0
    limit = CallLimit(2, lambda: now)
    limit.admit()
    now = 130.0
    limit.admit()
    with pytest.raises(RefusalError) as caught:
        limit.admit()
    assert caught.value.status == 429
    now = 160.0
    limit.admit()
    with pytest.raises(RefusalError):
        limit.admit()


async def test_starter_is_fifteen_minutes_late_and_says_so(start: Start) -> None:
    async with start("starter", new_york("2025-09-30T09:44")) as running:
        status, empty = await running.get(GROUPED + "2025-09-30")
        assert status == 200
        assert "results" not in empty
        running.now = new_york("2025-09-30T16:15")
        _, whole = await running.get(GROUPED + "2025-09-30")
        assert whole["status"] == "DELAYED"
        assert whole["resultsCount"] > 0
        assert (await running.get(GROUPED + "2020-09-01"))[0] == 403


async def test_a_running_session_shows_a_part_of_its_volume(start: Start) -> None:
    async with start("advanced", new_york("2025-09-30T12:45")) as running:
        _, part = await running.get("/v2/aggs/ticker/SPY/range/1/day/2025-09-29/2025-09-30")
        _, grouped = await running.get(GROUPED + "2025-09-30")
        running.now = new_york("2025-09-30T16:00")
        _, whole = await running.get("/v2/aggs/ticker/SPY/range/1/day/2025-09-29/2025-09-30")
    assert part["results"][0] == whole["results"][0]
    assert part["results"][1]["v"] == pytest.approx(whole["results"][1]["v"] / 2, rel=1e-3)
    assert next(row for row in grouped["results"] if row["T"] == "SPY")["v"] == part["results"][1]["v"]


async def test_the_snapshot_is_cleared_before_the_session(start: Start) -> None:
    async with start("advanced", new_york("2025-09-30T03:29")) as running:
        before = {row["ticker"]: row for row in (await running.get(SNAPSHOT))[1]["tickers"]}
        running.now += timedelta(minutes=2)
        cleared = {row["ticker"]: row for row in (await running.get(SNAPSHOT + "?tickers=SPY,QQQ"))[1]["tickers"]}
    assert before["SPY"]["day"]["c"] > 0
    assert set(cleared) == {"SPY", "QQQ"}
    assert set(cleared["SPY"]["day"].values()) == {0}
    assert cleared["SPY"]["prevDay"] == before["SPY"]["day"]


def test_the_plans_reach_as_far_back_as_the_vendor_says() -> None:
    assert [PLANS[name].history_years for name in ("basic", "starter", "developer", "advanced")] == [2, 5, 10, None]
