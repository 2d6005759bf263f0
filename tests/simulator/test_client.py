"""The vendor's own client reads the simulated market and finds what was generated."""

import asyncio
from datetime import date

import numpy as np
from massive import RESTClient

from services.simulator.bars import SCALE, raw_bars
from services.simulator.market import HISTORY, Market
from tests.simulator.conftest import KEY, Running


def client(simulator: Running) -> RESTClient:
    return RESTClient(api_key=KEY, base=simulator.url, retries=1)


async def test_aggregates_equal_the_market(simulator: Running, market: Market) -> None:
    def read() -> list[float]:
        bars = client(simulator).list_aggs("TLT", 1, "day", "2020-01-01", "2025-09-30", adjusted=False, limit=500)
        return [bar.close for bar in bars]

    column = market.listings.symbols.index("TLT")
    closes = market.closes[:HISTORY, column]
    assert await asyncio.to_thread(read) == (closes[closes > 0] / SCALE).tolist()


async def test_grouped_bars_equal_the_market(simulator: Running, market: Market) -> None:
    rows = await asyncio.to_thread(lambda: client(simulator).get_grouped_daily_aggs("2025-09-30", adjusted=False))
    bars = raw_bars(market, np.array([HISTORY - 1]), np.arange(len(market.listings.symbols)))
    expected = {
        market.listings.symbols[column]: (bars.open[0, column] / SCALE, bars.volume[0, column] / SCALE)
        for column in np.flatnonzero(bars.traded[0])
    }
    assert {row.ticker: (row.open, row.volume) for row in rows} == expected


async def test_tickers_are_read_through_all_pages(simulator: Running, market: Market) -> None:
    def read() -> list[str]:
        return [row.ticker for row in client(simulator).list_tickers(market="stocks", active=True, limit=40)]

    assert await asyncio.to_thread(read) == sorted(market.listings.symbols[: market.listings.active])


async def test_splits_in_both_forms_equal_the_market(simulator: Running, market: Market) -> None:
    def read() -> tuple[list[tuple[str, str, float]], list[tuple[str, str, float]]]:
        rest = client(simulator)
        new = [(row.ticker, row.execution_date, row.split_to) for row in rest.list_stocks_splits(limit=5)]
        old = [(row.ticker, row.execution_date, row.split_to) for row in rest.list_splits(limit=5, order="asc")]
        return new, old

    symbols = market.listings.symbols
    expected = [(symbols[row.column], str(market.sessions[row.session]), row.ratio_to) for row in market.splits.rows]
    assert await asyncio.to_thread(read) == (expected, expected)


async def test_the_snapshot_equals_the_grouped_bars(simulator: Running) -> None:
    def read() -> tuple[dict[str, float], dict[str, float]]:
        rest = client(simulator)
        snapshot = {row.ticker: row.day.close for row in rest.get_snapshot_all("stocks") if row.day.close}
        return snapshot, {row.ticker: row.close for row in rest.get_grouped_daily_aggs(date(2025, 9, 30))}

    snapshot, grouped = await asyncio.to_thread(read)
    assert snapshot == grouped


async def test_details_and_market_status_are_understood(simulator: Running) -> None:
    def read() -> tuple[str, str]:
        rest = client(simulator)
        return rest.get_ticker_details("SPY").ticker, rest.get_market_status().market

    assert await asyncio.to_thread(read) == ("SPY", "closed")
