"""Scans of bars from files: directly, raw with their splits, and replayed through the provider's REST API."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from pyarrow import compute, parquet

from services.market.sessions import sessions_ending
from services.simulator.api import Terms, create_replay
from services.simulator.plans import PLANS
from services.simulator.replay import Replay
from services.simulator.serve import serving
from technic.v1 import vocabulary_pb2
from tests.system.conftest import KEY, Scan, running, simulated_settings

LAST = date(2025, 7, 9)
SESSIONS = sessions_ending(LAST, 310)
CONTEXT = ("SPY", "QQQ", "HYG", "LQD", "SHY", "TLT", "IEF", "VIXY")
STOCKS = tuple(f"S{number:02}" for number in range(40))
SYMBOLS = (*CONTEXT, *STOCKS, "BRK-B", "T", "ABR_D")


@dataclass(frozen=True)
class Files:
    """Where the files of a test are."""

    bars: Path
    universe: Path
    raw: Path
    splits: Path


def write_bars(path: Path, columns: dict[str, Any], order: NDArray[np.intp]) -> None:
    """Write bars with float32 prices, as the real ones are."""
    prices = {name: columns[name].astype(np.float32) for name in ("open", "high", "low", "close")}
    parquet.write_table(pa.table(columns | prices).take(order), path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Random walks of 51 symbols, what is known of most, and the same bars before two splits."""
    rng = np.random.default_rng(5)
    shape = (len(SYMBOLS), len(SESSIONS))
    close = np.round(np.exp(rng.normal(0, 0.02, shape).cumsum(axis=1) + rng.uniform(0.5, 5, (shape[0], 1))), 2) + 1
    spread = np.round(close * rng.uniform(0.001, 0.02, shape), 2)
    values: dict[str, Any] = {
        "symbol": np.repeat(SYMBOLS, shape[1]),
        "date": list(SESSIONS) * shape[0],
        "open": (close - spread / 2).ravel(),
        "high": (close + spread).ravel(),
        "low": (close - spread).ravel(),
        "close": close.ravel(),
        "volume": rng.uniform(1e4, 1e7, shape).ravel(),
    }
    kept = np.flatnonzero(rng.random(close.size) > 0.01)
    folder = tmp_path_factory.mktemp("files")
    found = Files(folder / "bars.parquet", folder / "universe.parquet", folder / "raw.parquet", folder / "splits.csv")
    write_bars(found.bars, values, kept)
    known = [symbol for symbol in SYMBOLS if symbol != "S07"]
    attributes = {
        "bars_symbol": known,
        "name": [f"{symbol} Inc." for symbol in known],
        "exchange": ["NYSE"] * len(known),
        "type": ["etf" if symbol in CONTEXT else "unclassified" if symbol == "T" else "common" for symbol in known],
        "sector": ["Finance"] * len(known),
        "market_cap": rng.choice([1e8, 1e9, 1e11, np.nan], len(known)),
        "test_issue": ["Y" if symbol == "S08" else "N" for symbol in known],
    }
    parquet.write_table(pa.table(attributes), found.universe)
    before = np.array([day < SESSIONS[200] for day in values["date"]])
    for symbol, ratio in (("S00", 4.0), ("BRK-B", 0.5)):
        restated = before & (values["symbol"] == symbol)
        for name in ("open", "high", "low", "close"):
            values[name] = np.where(restated, values[name] * ratio, values[name])
        values["volume"] = np.where(restated, values["volume"] / ratio, values["volume"])
    write_bars(found.raw, values, kept)
    found.splits.write_text(f"symbol,date,ratio\nS00,{SESSIONS[200]},4\nBRK.B,{SESSIONS[200]},0.5\nOTHER,{LAST},9\n")
    return found


@asynccontextmanager
async def replayed(bars: Path, universe: Path | None, **changes: Any) -> AsyncIterator[dict[str, Any]]:
    """Serve files over HTTP; yields the settings of a fetcher that reads them there."""
    replay = await asyncio.to_thread(Replay.read, bars, universe)
    app = create_replay(replay, Terms(KEY, PLANS["advanced"]), lambda: replay.evening)
    async with serving(app, socket.create_server(("127.0.0.1", 0))) as url:
        clock = f"{replay.evening:%Y-%m-%dT%H:%M}"
        yield simulated_settings(url, provider="replay", clock=clock, universe_path=universe, **changes)


async def scan(folder: Path, settings: dict[str, Any], **fields: Any) -> Scan:
    """Run one scan on services of its own."""
    await asyncio.to_thread(folder.mkdir)
    async with running(folder, settings) as stack:
        return await stack.scan(top_count=0, include_ledger=True, **fields)


def ratings(scan: Scan) -> dict[str, float]:
    """Return the TechRating of every row."""
    return {
        symbol: rating for rows in scan.rows for symbol, rating in zip(rows.symbols, rows.tech_ratings, strict=True)
    }


async def test_files_and_their_replay_give_the_same_result(files: Files, tmp_path: Path) -> None:
    direct = await scan(tmp_path / "a", {"provider": "files", "bars_path": files.bars})
    async with replayed(files.bars, files.universe) as settings:
        through = await scan(tmp_path / "b", settings)
    assert (direct.result.provider, through.result.provider) == ("files", "replay")
    assert not direct.result.simulated
    assert not through.result.simulated
    assert direct.result.provider_request_count == 0
    assert through.result.provider_request_count > 300
    assert direct.result.result_hash == through.result.result_hash
    assert direct.rows == through.rows
    assert {"BRK-B", "T", "S07"} < set(direct.symbols)
    assert "S08" not in direct.symbols
    assert len({flags for batch in direct.rows for flags in batch.flags}) > 2


async def test_a_universe_without_a_symbol_is_answered_without_a_row(files: Files, tmp_path: Path) -> None:
    empty = await scan(
        tmp_path / "a", {"provider": "files", "bars_path": files.bars}, types=[vocabulary_pb2.SYMBOL_TYPE_WARRANT]
    )
    result = empty.result
    assert (result.requested_count, result.scored_count, result.omitted_count) == (0, 0, 0)
    assert empty.symbols == []
    assert not result.budget_spent
    assert list(result.notices) == ["nothing to scan: none of the 50 listed symbols is asked for"]


async def test_raw_bars_with_their_splits_are_the_adjusted_ones(files: Files, tmp_path: Path) -> None:
    adjusted = await scan(tmp_path / "a", {"provider": "files", "bars_path": files.bars})
    raw_settings = {"provider": "files", "bars_path": files.raw, "bars_raw": True, "splits_path": files.splits}
    raw = await scan(tmp_path / "b", raw_settings)
    taken_as_adjusted = await scan(tmp_path / "c", {"provider": "files", "bars_path": files.raw})
    assert set(raw.symbols) == set(adjusted.symbols)
    ratings = {
        symbol: rating for batch in raw.rows for symbol, rating in zip(batch.symbols, batch.tech_ratings, strict=True)
    }
    for batch in adjusted.rows:
        for symbol, rating in zip(batch.symbols, batch.tech_ratings, strict=True):
            assert ratings[symbol] == pytest.approx(rating, abs=1e-6)
    assert taken_as_adjusted.result.result_hash != raw.result.result_hash


async def test_a_past_session_of_a_file_is_scanned(files: Files, tmp_path: Path) -> None:
    past = await scan(tmp_path / "a", {"provider": "files", "bars_path": files.bars}, as_of=str(SESSIONS[-6]))
    assert past.result.as_of == str(SESSIONS[-6])


async def test_what_followed_a_session_changes_nothing_in_a_scan_as_of_it(files: Files, tmp_path: Path) -> None:
    cut_at = SESSIONS[-9]
    table = parquet.read_table(files.bars)
    past = compute.less_equal(table["date"], pa.scalar(cut_at))
    # One symbol trades from the next session on only, and one no more.
    listed_later = compute.and_(compute.equal(table["symbol"], "S38"), past)
    gone_later = compute.and_(compute.equal(table["symbol"], "S39"), compute.invert(past))
    whole = table.filter(compute.invert(compute.or_(listed_later, gone_later)))
    parquet.write_table(whole, tmp_path / "whole.parquet")
    parquet.write_table(whole.filter(compute.less_equal(whole["date"], pa.scalar(cut_at))), tmp_path / "cut.parquet")
    known = {"provider": "files", "universe_path": files.universe}
    with_future = await scan(tmp_path / "a", known | {"bars_path": tmp_path / "whole.parquet"}, as_of=str(cut_at))
    without = await scan(tmp_path / "b", known | {"bars_path": tmp_path / "cut.parquet"})
    assert without.result.as_of == with_future.result.as_of == str(cut_at)
    assert with_future.result.result_hash == without.result.result_hash
    assert with_future.rows == without.rows
    assert with_future.result.regime == without.result.regime
    assert with_future.result.omissions == without.result.omissions
    assert with_future.result.coverage == without.result.coverage
    assert "S39" in with_future.symbols
    assert "S38" not in with_future.symbols


async def test_files_and_their_replay_have_no_running_session(files: Files, tmp_path: Path) -> None:
    async with replayed(files.bars, files.universe) as through:
        for name, settings in (("files", {"provider": "files", "bars_path": files.bars}), ("replay", through)):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await scan(tmp_path / name, settings, include_running=True)
            assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert f"the provider {name} has no running session" in str(raised.value.details())


def cut(source: Path, target: Path, kept: tuple[str, ...]) -> None:
    """Copy the bars of every fourth symbol, and of some more: both ways over all of them take too long for a test."""
    table = parquet.read_table(source)
    symbols = sorted(compute.unique(table["symbol"]).to_pylist())
    parquet.write_table(table.filter(compute.is_in(table["symbol"], pa.array([*symbols[::4], *kept]))), target)


@pytest.mark.real_data
async def test_the_real_market_and_its_replay_give_the_same_result(shared_data: Path, tmp_path: Path) -> None:
    named = ("AAPL", "V", "TSM", "BRK-B", "T", "MO")
    bars, universe = tmp_path / "bars.parquet", shared_data / "universe.parquet"
    await asyncio.to_thread(cut, shared_data / "bars_2025.parquet", bars, (*named, *CONTEXT))
    direct = await scan(tmp_path / "a", {"provider": "files", "bars_path": bars, "universe_path": universe})
    closes = {symbol: close for rows in direct.rows for symbol, close in zip(rows.symbols, rows.closes, strict=True)}
    assert closes["AAPL"] == 211.14
    assert set(named) < set(closes)
    assert len(closes) > 1000
    async with replayed(bars, universe) as settings:
        through = await scan(tmp_path / "b", settings)
    assert direct.result.result_hash == through.result.result_hash
