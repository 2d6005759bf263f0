"""One market over REST, from Parquet and from CSV: whole scans of it give one result."""

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.simulator.market import HISTORY, Market
from services.simulator.splits import SplitBook
from technic.v1 import vocabulary_pb2
from tests.fetcher.market_files import MarketFiles, write_market
from tests.system.conftest import Scan, running, simulated, simulated_settings

SESSIONS = 330
AS_OF = date(2025, 9, 30)


async def scan(folder: Path, settings: dict[str, Any], market: Market) -> Scan:
    """Run one scan, on services of its own, of all symbols with a bar: a provider lists some that never trade."""
    traded = (market.closes[HISTORY - SESSIONS : HISTORY] > 0).any(axis=0)
    symbols = [market.listings.symbols[column] for column in np.flatnonzero(traded)]
    await asyncio.to_thread(folder.mkdir)
    async with running(folder, settings) as stack:
        return await stack.scan(top_count=0, include_ledger=True, symbols=symbols)


@pytest.fixture(scope="module")
def sound(market: Market) -> Market:
    """The market without the split that its provider lists twice: only a provider can be caught by its own bars."""
    rows = tuple(row for row in market.splits.rows if not row.repeated)
    return replace(market, splits=SplitBook(rows))


@pytest.fixture(scope="module")
async def over_rest(sound: Market, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """A scan of the market over its provider's API, with what a file knows of its symbols."""
    files = write_files(sound, tmp_path_factory.mktemp("rest"), "parquet")
    async with simulated(sound) as url:
        folder = tmp_path_factory.mktemp("rest") / "stack"
        return await scan(folder, simulated_settings(url, universe_path=files.universe), sound)


def write_files(sound: Market, folder: Path, suffix: str) -> MarketFiles:
    """Write the market as files."""
    return write_market(sound, folder, suffix, SESSIONS)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
async def test_files_and_the_provider_give_the_same_result(
    suffix: str, sound: Market, over_rest: Scan, tmp_path: Path
) -> None:
    files = write_files(sound, tmp_path, suffix)
    settings = {
        "provider": "files",
        "bars_path": files.bars,
        "bars_raw": True,
        "splits_path": files.splits,
        "universe_path": files.universe,
    }
    direct = await scan(tmp_path / "stack", settings, sound)
    assert (direct.result.provider_request_count, direct.result.as_of) == (0, str(AS_OF))
    assert over_rest.result.provider_request_count >= 300
    assert direct.result.scored_count > 200
    assert direct.rows == over_rest.rows
    assert omissions(direct) == omissions(over_rest)
    assert direct.result.result_hash == over_rest.result.result_hash


def omissions(found: Scan) -> dict[str, str]:
    """Return why symbols were left out."""
    return {omission.symbol: vocabulary_pb2.OmissionReason.Name(omission.reason) for omission in found.result.omissions}
