"""The vendor's own client and ours read the same bars, splits and listings from the simulator."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import numpy as np
import pytest
from massive import RESTClient

from services.fetcher.provider.massive import MassiveSource
from services.market.adjust import collapse
from services.market.sessions import from_day_number, sessions_ending
from tests.fetcher.conftest import CANARY, SESSION, OpenSource

T = TypeVar("T")
SESSIONS = sessions_ending(SESSION, 250)


async def read(url: str, question: Callable[[RESTClient], T]) -> T:
    """Ask by the vendor's client, which blocks."""
    return await asyncio.to_thread(lambda: question(RESTClient(api_key=CANARY, base=url, retries=1)))


async def ours(source: MassiveSource, session: date, *, adjusted: bool) -> list[list[float]]:
    bars = await (source.adjusted_bars(session) if adjusted else source.session_bars(session))
    return sorted(bars.bars.T.tolist())


@pytest.mark.parametrize("adjusted", [False, True])
@pytest.mark.parametrize("session", [SESSION, SESSIONS[0]])
async def test_grouped_bars_are_equal(session: date, url: str, open_source: OpenSource, *, adjusted: bool) -> None:
    rows = await read(url, lambda rest: rest.get_grouped_daily_aggs(session, adjusted=adjusted))
    theirs = sorted([row.open, row.high, row.low, row.close, row.volume] for row in rows)
    assert await ours(open_source(url), session, adjusted=adjusted) == theirs


async def test_adjusted_bars_differ_from_raw_ones_where_a_split_lies_between(url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    raw = await ours(source, SESSIONS[0], adjusted=False)
    assert await ours(source, SESSIONS[0], adjusted=True) != raw


async def test_symbols_of_grouped_bars_are_equal(url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    rows = await read(url, lambda rest: rest.get_grouped_daily_aggs(SESSION, adjusted=False))
    bars = await source.session_bars(SESSION)
    one = await source.symbol_bars(rows[0].ticker, SESSION, SESSION)
    assert len(bars.columns) == len({row.ticker for row in rows}) == len(rows)
    assert one.bars[:, 0].tolist() == [rows[0].open, rows[0].high, rows[0].low, rows[0].close, rows[0].volume]


@pytest.mark.parametrize("symbol", ["SPY", "TLT", "NOSUCH"])
async def test_custom_bars_are_equal(symbol: str, url: str, open_source: OpenSource) -> None:
    rows = await read(
        url,
        lambda rest: list(
            rest.list_aggs(symbol, 1, "day", SESSIONS[0], SESSION, adjusted=False, sort="asc", limit=50_000)
        ),
    )
    bars = await open_source(url).symbol_bars(symbol, SESSIONS[0], SESSION)
    assert bars.bars.T.tolist() == [[row.open, row.high, row.low, row.close, row.volume] for row in rows]
    days = [np.datetime64(row.timestamp, "ms").astype("datetime64[D]").astype(date) for row in rows]
    assert [from_day_number(day) for day in bars.session_days.tolist()] == days


async def test_splits_are_equal(url: str, open_source: OpenSource) -> None:
    rows = await read(url, lambda rest: list(rest.list_stocks_splits(execution_date_gte=str(SESSIONS[0]), limit=7)))
    splits = await open_source(url).splits(SESSIONS[0])
    theirs = [(row.ticker, row.execution_date, row.split_from, row.split_to) for row in rows]
    told = [
        (split.symbol, str(from_day_number(split.session_day)), split.ratio_from, split.ratio_to) for split in splits
    ]
    assert sorted(told) == sorted(theirs)
    assert len(collapse(splits)) < len(theirs)


async def test_listings_are_equal(url: str, open_source: OpenSource) -> None:
    rows = await read(url, lambda rest: list(rest.list_tickers(market="stocks", active=True, limit=90)))
    listings = await open_source(url).listings()
    theirs = {row.ticker: (row.name, row.primary_exchange or "") for row in rows}
    assert {listing.symbol: (listing.name, listing.exchange) for listing in listings} == theirs
    assert len(listings) == len(rows)


async def test_details_are_equal(url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    symbols = [listing.symbol for listing in await source.listings()][::9]
    known = 0
    for symbol in symbols:
        theirs = await read(url, lambda rest, symbol=symbol: rest.get_ticker_details(symbol))  # type: ignore[misc]
        details = await source.details(symbol)
        assert details is not None
        assert (details.symbol, details.exchange) == (theirs.ticker, theirs.primary_exchange or "")
        assert details.sic_code == (theirs.sic_code or "")
        shares = theirs.share_class_shares_outstanding
        assert details.shares == shares if shares else np.isnan(details.shares)
        known += bool(shares)
    assert 0 < known < len(symbols)
    assert await source.details("NOSUCH") is None


async def test_the_running_session_is_equal(url: str, open_source: OpenSource) -> None:
    rows = await read(url, lambda rest: rest.get_snapshot_all("stocks"))
    bars = await open_source(url).running_bars(SESSION)
    theirs = sorted(
        [row.day.open, row.day.high, row.day.low, row.day.close, row.day.volume] for row in rows if row.day.close
    )
    assert sorted(bars.bars.T.tolist()) == theirs
