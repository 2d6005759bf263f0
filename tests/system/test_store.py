"""The store across whole scans: restarts, next sessions, slow plans."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from services.market.errors import LocalDataError
from services.rpc.channel import open_channel
from services.simulator.market import Market, MarketSpec, generate
from technic.v1 import fetcher_service_pb2 as fetcher_pb
from technic.v1 import fetcher_service_pb2_grpc
from tests.system.conftest import SYMBOLS, Stack, running, simulated, simulated_settings

REPOSITORY = Path(__file__).parents[2]


def below(path: Path, name: str) -> Path:
    """Make a folder for the sockets of one stack."""
    folder = path / name
    folder.mkdir()
    return folder


async def sync(stack: Stack, count: int = 300) -> list[fetcher_pb.SyncStoreResponse]:
    """Sync the store of a stack; return what was told."""
    async with open_channel(f"unix:{stack.folder}/fetcher") as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        call = stub.SyncStore(fetcher_pb.SyncStoreRequest(history_count=count), timeout=60)
        return [state async for state in call]


async def status(stack: Stack) -> fetcher_pb.GetStoreStatusResponse:
    """Ask what is stored."""
    async with open_channel(f"unix:{stack.folder}/fetcher") as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        found: fetcher_pb.GetStoreStatusResponse = await stub.GetStoreStatus(fetcher_pb.GetStoreStatusRequest())
        return found


async def test_a_restart_gives_the_same_result_without_a_call(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path=None, home=tmp_path / "home")
        async with running(below(tmp_path, "one"), settings) as stack:
            cold = (await stack.scan(top_count=0)).result
            hot = (await stack.scan(top_count=0)).result
        async with running(below(tmp_path, "two"), settings) as stack:
            stack.provider_url = url
            before = (await stack.calls())["total"]
            warm = (await stack.scan(top_count=0)).result
            assert (await stack.calls())["total"] == before
        async with running(below(tmp_path, "three"), simulated_settings(url)) as stack:
            without = (await stack.scan(top_count=0)).result
    assert cold.result_hash == hot.result_hash == warm.result_hash == without.result_hash
    assert (warm.provider_request_count, warm.cache_hit_count, warm.cache_miss_count) == (0, 300, 0)
    assert cold.cache_hit_count == 0


async def test_a_sync_spares_the_scan_its_sessions(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path=str(tmp_path / "my.sqlite3"))
        async with running(below(tmp_path, "one"), settings) as stack:
            first = (await sync(stack))[-1]
            again = (await sync(stack))[-1]
            found = await status(stack)
        async with running(below(tmp_path, "two"), settings) as stack:
            stack.provider_url = url
            before = (await stack.calls())["counts"]["grouped"]
            result = (await stack.scan()).result
            assert (await stack.calls())["counts"]["grouped"] == before
    assert (first.sessions_ready, first.sessions_wanted, first.simulated) == (300, 300, True)
    assert first.provider_request_count > 300
    assert again.provider_request_count == 0
    assert (found.session_count, list(found.missing_sessions)) == (300, [])
    assert found.last_session == found.newest_session == "2025-09-30"
    assert found.path == str(tmp_path / "my.sqlite3")
    assert found.byte_count > 300 * 300 * 40 / 2
    assert not result.budget_spent
    assert result.versions["store"].startswith("simulated-")


async def test_a_slow_plan_says_how_far_it_is_and_what_to_do(market: Market, tmp_path: Path) -> None:
    async with simulated(market, plan="basic") as url:
        slow = simulated_settings(url, plan="basic", calls_per_second=None, store_path=str(tmp_path / "bars.sqlite3"))
        async with running(below(tmp_path, "one"), slow) as stack:
            stack.provider_url = url
            result = (await stack.scan(budget=Duration(seconds=3))).result
            calls = await stack.calls()
        async with running(below(tmp_path, "two"), slow) as stack:
            again = (await stack.scan(budget=Duration(seconds=1))).result
    assert result.budget_spent
    assert 1 <= result.sessions_ready <= 5
    # On connections of their own: which of them is read first is left to chance.
    assert {call["endpoint"] for call in calls["last"][:3]} == {"grouped", "splits", "tickers"}
    left = f"{result.sessions_ready} of 300 sessions, "
    (hint,) = [notice for notice in result.notices if notice.startswith(left)]
    assert hint.endswith(" min left on plan basic; run `technic data sync`")
    assert 55 <= int(hint.removeprefix(left).split()[0]) <= 62
    assert again.sessions_ready >= result.sessions_ready
    assert again.cache_hit_count == result.sessions_ready


async def test_without_a_store_nothing_is_written(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path="", home=tmp_path / "home")
        async with running(below(tmp_path, "one"), settings) as stack:
            await stack.scan()
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await sync(stack)
    assert raised.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert not (tmp_path / "home").exists()


async def test_a_store_of_another_market_is_refused_at_the_start(market: Market, tmp_path: Path) -> None:
    other = generate(MarketSpec(seed=8, symbols=SYMBOLS, end=market.spec.end))
    path = str(tmp_path / "bars.sqlite3")
    async with simulated(market) as url, running(below(tmp_path, "one"), simulated_settings(url, store_path=path)):
        pass
    async with simulated(other) as url:
        with pytest.raises(LocalDataError, match="has fingerprint"):
            async with running(below(tmp_path, "two"), simulated_settings(url, store_path=path)):
                pass


async def test_bars_that_were_exported_and_imported_give_the_same_scan(market: Market, tmp_path: Path) -> None:
    stores = [tmp_path / "one.sqlite3", tmp_path / "two.sqlite3"]
    async with simulated(market) as url:
        settings = [simulated_settings(url, store_path=str(path)) for path in stores]
        async with running(below(tmp_path, "one"), settings[0]) as stack:
            await sync(stack)
            first = (await stack.scan(top_count=0)).result
        file = tmp_path / "bars.parquet"
        async with running(below(tmp_path, "two"), settings[1]) as stack:
            stack.provider_url = url
            # By another process, as the command is one, while the fetcher is at work.
            command = (sys.executable, "-m", "tests.system.carry", *map(str, stores), str(file))
            process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY)
            assert await process.wait() == 0
            found = await status(stack)
            before = (await stack.calls())["counts"]
            second = (await stack.scan(top_count=0)).result
            after = (await stack.calls())["counts"]
    assert (found.session_count, list(found.missing_sessions)) == (300, [])
    assert (second.result_hash, second.cache_hit_count) == (first.result_hash, 300)
    # The list, the check of the splits, and symbols that are asked for one by one are no part of an export.
    assert {name for name, count in after.items() if count != before.get(name)} <= {"tickers", "history", "grouped"}
    assert after["grouped"] == before["grouped"] + 1


async def test_a_check_over_the_wire_finds_what_was_damaged_and_a_sync_mends_it(market: Market, tmp_path: Path) -> None:
    path = tmp_path / "bars.sqlite3"
    async with simulated(market) as url:
        async with running(below(tmp_path, "one"), simulated_settings(url, store_path=str(path))) as stack:
            await sync(stack)
            with closing(sqlite3.connect(path)) as db, db:
                db.execute("UPDATE sessions SET checksum = checksum + 1 WHERE day = (SELECT max(day) FROM sessions)")
            found = [await verify(stack) for _ in range(2)]
            mended = (await sync(stack))[-1]
            told = await status(stack)
    assert [[row.row for row in end.damaged_rows] for end in found] == [["2025-09-30"], []]
    assert all(end.done and end.checked_count == end.total_count > 300 for end in found)
    assert mended.provider_request_count == 1
    assert [row.row for row in told.quarantined_rows] == ["2025-09-30"]
    assert (told.session_count, told.retention_count, told.restated_bar_count) == (300, 2000, 0)


async def verify(stack: Stack) -> fetcher_pb.VerifyStoreResponse:
    """Check the store of a stack; return the end."""
    async with open_channel(f"unix:{stack.folder}/fetcher") as channel:
        stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
        states: list[fetcher_pb.VerifyStoreResponse] = [
            state async for state in stub.VerifyStore(fetcher_pb.VerifyStoreRequest(), timeout=60)
        ]
    assert [state.done for state in states] == [False] * (len(states) - 1) + [True]
    return states[-1]
