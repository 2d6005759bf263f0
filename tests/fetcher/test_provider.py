"""The source against the simulated API, over real connections."""

import json
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from services.fetcher.provider.limits import PLANS
from services.fetcher.provider.massive import MassiveSource
from services.market.errors import ProviderAuthError, ProviderPlanError
from services.market.sessions import NEW_YORK, sessions_ending, to_day_number
from services.market.universe import type_by_suffix
from services.market.vocabulary import SymbolType
from services.simulator.market import Market
from tests.fetcher.conftest import SESSION, OpenSource
from tests.fetcher.simulated import fault, get, simulated

if TYPE_CHECKING:
    from services.fetcher.source import BarSource

SESSIONS = sessions_ending(SESSION, 30)


async def test_the_source_is_what_the_core_asks_for(url: str, open_source: OpenSource) -> None:
    source: BarSource = open_source(url)
    assert (source.name, source.simulated, source.request_count) == ("simulated", True, 0)
    assert (source.concurrency, source.repair_limit) == (20, 500)
    assert source.latest_session() == SESSION


async def test_a_session_has_the_bars_that_the_provider_sent(url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    session = await source.session_bars(SESSION)
    body = json.loads(await get(f"{url}/v2/aggs/grouped/locale/us/market/stocks/{SESSION}?adjusted=false"))
    rows = {row["T"]: row for row in body["results"]}
    assert session.session == SESSION
    assert len(session.columns) == len(set(session.columns.tolist())) == len(rows)
    assert session.refused_count == len(body["results"]) - len(rows)
    assert sorted(session.bars[4].tolist()) == sorted(row["v"] for row in rows.values())
    assert source.request_count == 1


async def test_both_endpoints_give_the_same_bars_of_a_symbol(url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    listed = (await source.listings())[0].symbol
    alone = await source.symbol_bars(listed, SESSIONS[0], SESSION)
    together = [await source.session_bars(session) for session in SESSIONS]
    by_close = {to_day_number(bars.session): set(map(tuple, bars.bars.T.tolist())) for bars in together}
    assert alone.session_days.tolist() == [to_day_number(session) for session in SESSIONS]
    assert all(
        tuple(bar) in by_close[day] for day, bar in zip(alone.session_days.tolist(), alone.bars.T.tolist(), strict=True)
    )


async def test_the_reference_list_is_whole_however_it_is_read(market: Market, open_source: OpenSource) -> None:
    async with simulated(market) as url:
        parted = open_source(url)
        paged = open_source(url, plan=PLANS["basic"])
        one, other = await parted.listings(), await paged.listings()
    assert sorted(listing.symbol for listing in one) == sorted(listing.symbol for listing in other)
    assert paged.request_count == 1 < parted.request_count
    assert len({listing.symbol for listing in one}) == len(one) == market.spec.symbols
    kinds = {listing.type for listing in one}
    assert {SymbolType.COMMON, SymbolType.ETF} <= kinds
    assert all(listing.type is type_by_suffix(listing.symbol) for listing in one if listing.type is SymbolType.UNKNOWN)


async def test_splits_come_with_duplicates_and_future_ones(market: Market, url: str, open_source: OpenSource) -> None:
    splits = await open_source(url).splits(market.sessions[0])
    assert len(splits) == len(market.splits.rows)
    assert len(set(splits)) < len(splits)
    assert max(split.session_day for split in splits) > to_day_number(SESSION)
    later = await open_source(url).splits(SESSION)
    assert {split.session_day >= to_day_number(SESSION) for split in later} == {True}


async def test_an_unknown_symbol_has_no_bars(url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    bars = await source.symbol_bars("NOSUCH", SESSIONS[0], SESSION)
    assert (bars.symbol, bars.bars.shape, bars.session_days.shape, bars.refused_count) == ("NOSUCH", (5, 0), (0,), 0)
    assert source.request_count == 1


async def test_a_wrong_key_is_told(url: str, open_source: OpenSource) -> None:
    with pytest.raises(ProviderAuthError, match="Unknown API Key"):
        await open_source(url, key="wrong").session_bars(SESSION)
    with pytest.raises(ProviderAuthError, match="not provided"):
        await open_source(url, key="").session_bars(SESSION)


async def test_the_basic_plan_gets_what_it_may_ask_for(market: Market, open_source: OpenSource) -> None:
    async with simulated(market, "basic") as url:
        source = open_source(url, plan=PLANS["basic"])
        assert source.latest_session() == date(2025, 9, 29)
        assert len((await source.session_bars(source.latest_session())).columns) > 250
        with pytest.raises(ProviderPlanError, match="before end of day"):
            await source.session_bars(SESSION)
        listed = (await source.listings())[0].symbol
        bars = await source.symbol_bars(listed, date(2015, 1, 2), date(2025, 9, 29))
        assert len(bars.session_days) > 495
        assert (source.concurrency, source.repair_limit, source.request_count) == (5, 0, 4)


async def test_a_range_before_the_history_of_the_plan_is_not_asked_for(url: str, open_source: OpenSource) -> None:
    source = open_source(url, plan=PLANS["basic"])
    bars = await source.symbol_bars("AAPL", date(2015, 1, 2), date(2016, 1, 4))
    assert (bars.bars.shape, source.request_count) == ((5, 0), 0)


async def test_the_clock_decides_the_latest_session(url: str, open_source: OpenSource) -> None:
    noon = datetime(2025, 9, 30, 12, tzinfo=NEW_YORK)
    assert open_source(url, now=noon).latest_session() == date(2025, 9, 29)


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 429, "retry_after": 0.01},
        {"kind": "status", "status": 502},
        {"kind": "truncated"},
        {"kind": "reset"},
        {"kind": "null_results"},
        {"kind": "html"},
        {"kind": "slow", "seconds": 0.01},
        {"kind": "drip", "seconds": 0.05},
    ],
    ids=lambda told: "-".join(map(str, told.values())),
)
async def test_faults_change_no_bit_of_any_answer(told: dict[str, object], url: str, open_source: OpenSource) -> None:
    async def everything(source: MassiveSource) -> tuple[object, ...]:
        session = await source.session_bars(SESSION)
        listings = [(listing.symbol, listing.name, listing.type) for listing in await source.listings()]
        symbol = await source.symbol_bars(listings[0][0], SESSIONS[0], SESSION)
        assert symbol.bars.size
        return session.bars.tobytes(), symbol.bars.tobytes(), listings, await source.splits(SESSIONS[0])

    healthy = await everything(open_source(url))
    for path in ("/v2/aggs/grouped", "/v2/aggs/ticker", "/v3", "/stocks"):
        await fault(url, {"path": path, "times": 2, **told})
        assert await everything(open_source(url)) == healthy


async def test_every_call_is_counted(url: str, open_source: OpenSource) -> None:
    await fault(url, {"kind": "status", "status": 500, "times": 2})
    source = open_source(url)
    await source.session_bars(SESSION)
    await source.splits(SESSIONS[0])
    calls = json.loads(await get(url + "/simulator/calls"))
    assert source.request_count == calls["total"] == 4


async def test_a_session_decodes_the_same_every_time(url: str, open_source: OpenSource) -> None:
    source = open_source(url)
    one, other = await source.session_bars(SESSION), await source.session_bars(SESSION)
    np.testing.assert_array_equal(one.bars, other.bars)
    np.testing.assert_array_equal(one.columns, other.columns)
