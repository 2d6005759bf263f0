"""What markets do of themselves: tickers used again, delistings, half days, clocks that change or jump."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from services.fetcher.provider.limits import PLANS
from services.fetcher.provider.massive import MassiveSource
from services.market.errors import MalformedAnswerError, ProviderPlanError
from services.market.sessions import NEW_YORK, is_half_day, next_session, sessions_between, to_day_number
from services.simulator.market import Market
from tests.fetcher.conftest import EVENING, SESSION, OpenSource, Provider, json_answer
from tests.fetcher.simulated import simulated

HALF_DAY = date(2024, 11, 29)
SPRING, AUTUMN = date(2025, 3, 9), date(2024, 11, 3)
"""Sundays on which New York changed its clocks."""


async def bars_of(source: MassiveSource, symbol: str, first: date, last: date) -> dict[int, list[float]]:
    """Return one symbol's bars by session day."""
    bars = await source.symbol_bars(symbol, first, last)
    return dict(zip(bars.session_days.tolist(), bars.bars.T.tolist(), strict=True))


async def test_a_delisted_symbol_keeps_its_bars_to_the_last_and_has_none_after(
    market: Market, url: str, open_source: OpenSource
) -> None:
    source = open_source(url)
    column = market.listings.active
    symbol, last = market.listings.symbols[column], market.last_session(column)
    bars = await bars_of(source, symbol, last - timedelta(days=40), SESSION)
    assert max(bars) == to_day_number(last)
    assert symbol not in {listing.symbol for listing in await source.listings()}
    before, after = await source.session_bars(last), await source.session_bars(next_session(last))
    assert (bars[to_day_number(last)] in before.bars.T.tolist()) is True
    assert bars[to_day_number(last)] not in after.bars.T.tolist()


async def test_a_ticker_used_again_has_one_column_and_a_gap_between_its_lives(
    provider: Provider, open_source: OpenSource
) -> None:
    first, gap, second = sessions_between(date(2025, 9, 26), SESSION)
    prices = {first: 400.0, second: 3.0}

    async def answer(request: web.Request) -> web.StreamResponse:
        day = date.fromisoformat(request.path.rsplit("/", 1)[1])
        close_ms = int(datetime(day.year, day.month, day.day, 16, tzinfo=NEW_YORK).timestamp() * 1000)

        def row(symbol: str, price: float) -> dict[str, Any]:
            return {"T": symbol, **dict.fromkeys("ohlc", price), "v": 1.0, "t": close_ms}

        rows = [row("OTHER", 10.0), *([row("META", prices[day])] if day in prices else [])]
        return await json_answer({"status": "OK", "results": rows})(request)

    provider.say(answer)
    source = open_source(provider.url)
    found = [await source.session_bars(session) for session in (first, gap, second)]
    closes = [dict(zip(bars.columns.tolist(), bars.bars[3].tolist(), strict=True)) for bars in found]
    (column,) = set(closes[0]) - set(closes[1])
    assert [bars.get(column) for bars in closes] == [400.0, None, 3.0]


async def test_a_half_day_is_a_session_with_bars_from_its_early_close_on(
    market: Market, open_source: OpenSource
) -> None:
    assert is_half_day(HALF_DAY)
    now = datetime(2024, 11, 29, 12, 59, tzinfo=NEW_YORK)
    async with simulated(market, clock=lambda: now) as url:
        source = open_source(url, clock=lambda: now)
        assert source.latest_session() < HALF_DAY
        now = now.replace(hour=13, minute=0)
        assert source.latest_session() == HALF_DAY
        assert source.running_session() is None
        bars = await source.session_bars(HALF_DAY)
        assert len(bars.columns) > 200
        alone = await bars_of(source, "SPY", HALF_DAY, HALF_DAY)
    assert alone[to_day_number(HALF_DAY)] in bars.bars.T.tolist()


@pytest.mark.parametrize("sunday", [SPRING, AUTUMN])
async def test_bars_keep_their_days_where_new_york_changes_its_clocks(
    sunday: date, url: str, open_source: OpenSource
) -> None:
    source = open_source(url)
    sessions = sessions_between(sunday - timedelta(days=5), sunday + timedelta(days=5))
    bars = await bars_of(source, "SPY", sessions[0], sessions[-1])
    assert list(bars) == [to_day_number(session) for session in sessions]
    for session in sessions:
        grouped = await source.session_bars(session)
        assert bars[to_day_number(session)] in grouped.bars.T.tolist()


@pytest.mark.parametrize(("day", "utc_hour"), [(date(2025, 3, 7), 21), (date(2025, 3, 10), 20)])
def test_a_session_ends_by_new_york_time_in_summer_and_winter(day: date, utc_hour: int) -> None:
    close = datetime(day.year, day.month, day.day, utc_hour, tzinfo=UTC)
    assert PLANS["advanced"].latest_session(close) == day
    assert PLANS["advanced"].latest_session(close - timedelta(seconds=1)) < day


async def test_a_clock_that_jumps_ahead_asks_for_what_is_not_there_and_believes_nothing(
    url: str, open_source: OpenSource
) -> None:
    now = EVENING
    source = open_source(url, clock=lambda: now)
    good = await source.session_bars(SESSION)
    now = EVENING + timedelta(days=1)
    ahead = source.latest_session()
    assert ahead > SESSION
    with pytest.raises(MalformedAnswerError, match="without any bar"):
        await source.session_bars(ahead)
    now = EVENING - timedelta(days=30)
    assert source.latest_session() < SESSION
    now = EVENING
    again = await source.session_bars(SESSION)
    np.testing.assert_array_equal(again.bars, good.bars)
    assert not source.failing


async def test_a_clock_ahead_of_the_basic_plan_is_told_that_it_is_too_early(
    market: Market, open_source: OpenSource
) -> None:
    async with simulated(market, "basic") as url:
        source = open_source(url, plan=PLANS["basic"], clock=lambda: EVENING + timedelta(hours=8))
        assert source.latest_session() == SESSION
        with pytest.raises(ProviderPlanError, match="before end of day"):
            await source.session_bars(SESSION)
        assert source.request_count == 1
