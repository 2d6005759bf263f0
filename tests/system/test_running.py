"""Today's running session, through all services: provisional, only on request, and never kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from services.market.errors import CalendarEndedError, InvalidRequestError, ProviderPlanError, TechnicError
from services.market.vocabulary import Flag
from services.rpc.channel import open_channel
from services.rpc.status import from_call
from services.simulator.feed import GeneratedFeed
from services.simulator.market import Market
from technic.v1 import fetcher_service_pb2 as fetcher_pb
from technic.v1 import fetcher_service_pb2_grpc
from tests.system.conftest import Scan, Stack, running, simulated, simulated_settings

NOON, TODAY, BEFORE = "2025-10-01T12:00", "2025-10-01", "2025-09-30"


@pytest.fixture(scope="module")
async def noon(market: Market, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack with a store, at noon of the day after the market's."""
    folder = tmp_path_factory.mktemp("noon")
    async with (
        simulated(market, clock=NOON) as url,
        running(folder, simulated_settings(url, clock=NOON, store_path=str(folder / "bars.sqlite3"))) as made,
    ):
        made.provider_url = url
        yield made


def columns(scan: Scan, name: str) -> dict[str, Any]:
    """Return a column of the rows by symbol."""
    return {
        symbol: value for batch in scan.rows for symbol, value in zip(batch.symbols, getattr(batch, name), strict=True)
    }


async def error_of(stack: Stack, **fields: Any) -> TechnicError:
    """Return how a scan fails."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stack.scan(**fields)
    return from_call(raised.value, "gateway")


async def stored(stack: Stack) -> fetcher_pb.GetStoreStatusResponse:
    """Ask what is stored."""
    async with open_channel(f"unix:{stack.folder}/fetcher") as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        found: fetcher_pb.GetStoreStatusResponse = await stub.GetStoreStatus(fetcher_pb.GetStoreStatusRequest())
        return found


async def test_a_running_session_leaves_no_trace_in_what_comes_after(noon: Stack) -> None:
    before = await noon.scan(top_count=0)
    held = await stored(noon)
    today = await noon.scan(include_running=True, top_count=0)
    after = await noon.scan(top_count=0)
    assert (today.result.as_of, today.result.provisional) == (TODAY, True)
    assert (before.result.as_of, before.result.provisional) == (BEFORE, False)
    assert today.result.result_hash != before.result.result_hash
    assert after.result.result_hash == before.result.result_hash
    assert after.rows == before.rows
    assert after.result.provider_request_count == 0
    assert not any(flags & Flag.PROVISIONAL for flags in columns(after, "flags").values())
    now = await stored(noon)
    assert (now.last_session, now.session_count, now.symbol_count) == (BEFORE, held.session_count, held.symbol_count)


async def test_every_row_of_a_running_session_is_flagged_and_says_when(noon: Stack) -> None:
    scan = await noon.scan(include_running=True, top_count=0)
    flags = columns(scan, "flags")
    assert len(flags) > 100
    assert all(bits & Flag.PROVISIONAL for bits in flags.values())
    assert f"{TODAY} is still running: its bars are provisional, as of 12:00:00 New York" in scan.result.notices
    assert (scan.result.sessions_ready, scan.result.sessions_wanted, scan.result.budget_spent) == (300, 300, False)
    assert scan.result.regime.trend


async def test_rows_end_with_the_snapshots_bars_and_carry_what_did_not_trade(noon: Stack, market: Market) -> None:
    closes = columns(await noon.scan(include_running=True, top_count=0), "closes")
    position = market.sessions.index(market.spec.end) + 1
    feed = GeneratedFeed(market)
    elapsed = 2.5 / 6.5
    numbers = np.arange(len(feed.symbols))
    quotes = feed.quotes(np.array([position]), numbers, position, elapsed)
    whole = feed.quotes(np.array([position]), numbers, position, 1.0)
    traded = {symbol: n for n, symbol in enumerate(feed.symbols) if quotes.traded[0, n] and symbol in closes}
    assert {symbol: closes[symbol] for symbol in traded} == {
        symbol: pytest.approx(quotes.close[0, n], rel=1e-12) for symbol, n in traded.items()
    }
    assert any(quotes.close[0, n] != whole.close[0, n] for n in traded.values())
    assert any(symbol not in traded for symbol in closes)


async def test_scans_share_a_snapshot(noon: Stack) -> None:
    first = await noon.scan(include_running=True)
    calls = (await noon.calls())["counts"]
    second = await noon.scan(include_running=True)
    named = await noon.scan(include_running=True, as_of=TODAY)
    assert (await noon.calls())["counts"] == calls
    assert calls["snapshot"] == 1
    assert first.result.result_hash == second.result.result_hash == named.result.result_hash


async def test_another_session_is_scanned_as_ever(noon: Stack) -> None:
    past = await noon.scan(include_running=True, as_of="2025-09-26")
    assert past.result.result_hash == (await noon.scan(as_of="2025-09-26")).result.result_hash
    assert not past.result.provisional
    error = await error_of(noon, as_of=TODAY)
    assert isinstance(error, InvalidRequestError)
    assert f"newest completed session is {BEFORE}" in error.message


async def test_without_a_running_session_the_newest_one_is_scanned_and_that_is_said(stack: Stack) -> None:
    evening = await stack.scan(include_running=True)
    assert evening.result.result_hash == (await stack.scan()).result.result_hash
    assert not evening.result.provisional
    assert any(notice.startswith("no session is running now") for notice in evening.result.notices)


async def test_a_plan_without_snapshot_is_told_so(market: Market, tmp_path: Path) -> None:
    async with simulated(market, plan="basic", clock=NOON) as url:
        settings = simulated_settings(url, plan="basic", calls_per_second=None, clock=NOON)
        async with running(tmp_path, settings) as stack:
            error = await error_of(stack, include_running=True)
    assert isinstance(error, ProviderPlanError)
    assert "no snapshot" in error.message


async def test_a_clock_beyond_the_calendar_is_one_clear_error(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url, running(tmp_path, simulated_settings(url, clock="2036-01-02T12:00")) as stack:
        error = await error_of(stack)
    assert isinstance(error, CalendarEndedError)
    assert "covers 2000-01-03..2035-12-31" in error.message


async def test_a_split_that_is_listed_twice_flags_its_symbol_and_no_other(
    noon: Stack, stack: Stack, market: Market
) -> None:
    (twice,) = (row.column for row in market.splits.rows if row.repeated)
    for made, today in ((stack, False), (noon, False), (noon, True)):
        flags = columns(await made.scan(top_count=0, include_running=today), "flags")
        suspects = {symbol for symbol, bits in flags.items() if bits & Flag.SUSPECT_DATA}
        assert suspects == {market.listings.symbols[twice]}


async def test_a_check_of_splits_is_kept_for_restarts_and_later_scans(market: Market, tmp_path: Path) -> None:
    path = str(tmp_path / "bars.sqlite3")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with simulated(market) as url, running(tmp_path / "one", simulated_settings(url, store_path=path)) as stack:
        newest = await stack.scan(top_count=0)
    async with simulated(market, clock=NOON) as url:
        settings = simulated_settings(url, store_path=path, clock=NOON)
        async with running(tmp_path / "two", settings) as stack:
            stack.provider_url = url
            later = await stack.scan(top_count=0, as_of=BEFORE)
    assert later.result.result_hash == newest.result.result_hash
    assert any(bits & Flag.SUSPECT_DATA for bits in columns(later, "flags").values())
