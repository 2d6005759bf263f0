"""One contract for every source of bars: one market over REST, from Parquet and from CSV gives the same answers.

`tests/system/test_contract.py` holds the same of whole scans.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import SecretStr

from services.fetcher.local import LocalFiles, LocalSource
from services.fetcher.provider.limits import PLANS
from services.fetcher.provider.massive import MassiveSource
from services.fetcher.provider.transport import Endpoint
from services.fetcher.source import BarSource
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import adjust, by_symbol, collapse
from services.market.sessions import sessions_ending, to_day_number
from services.simulator.bars import SCALE, raw_bars
from services.simulator.market import HISTORY, Market
from tests.fetcher.market_files import write_market
from tests.fetcher.simulated import CANARY, EVENING, SESSION, simulated

COUNT = 300
SESSIONS = sessions_ending(SESSION, COUNT)
DAYS = np.array([to_day_number(session) for session in SESSIONS], np.int32)


@dataclass
class Truth:
    """What was generated: raw bars of every symbol, (field, session, symbol), NaN where it did not trade."""

    market: Market
    symbols: tuple[str, ...]
    bars: NDArray[np.float64]

    def of_session(self, place: int) -> dict[str, list[float]]:
        """Return the bars of one session by symbol."""
        bars = self.bars[:, place]
        return {self.symbols[column]: bars[:, column].tolist() for column in np.flatnonzero(~np.isnan(bars[0]))}


@dataclass
class Offered:
    """The market as one source offers it."""

    source: BarSource
    index: SymbolIndex

    async def of_session(self, place: int) -> dict[str, list[float]]:
        """Return the bars of one session by symbol."""
        bars = await self.source.session_bars(SESSIONS[place])
        assert (bars.session, bars.refused_count) == (SESSIONS[place], 0)
        symbols = [self.index.symbol_at(column) for column in bars.columns.tolist()]
        assert len(set(symbols)) == len(symbols)
        return dict(zip(symbols, bars.bars.T.tolist(), strict=True))


@pytest.fixture(scope="module")
def truth(market: Market) -> Truth:
    bars = raw_bars(market, np.arange(HISTORY - COUNT, HISTORY), np.arange(len(market.listings.symbols)))
    fields = np.stack([bars.open, bars.high, bars.low, bars.close, bars.volume]) / SCALE
    return Truth(market, market.listings.symbols, np.where(bars.traded, fields, np.nan))


@pytest.fixture(scope="module", params=["rest", "parquet", "csv"])
async def offered(
    request: pytest.FixtureRequest, market: Market, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Offered]:
    """The same market, offered in each way."""
    index = SymbolIndex()
    if request.param == "rest":
        async with simulated(market) as url:
            plan, endpoint = PLANS["advanced"], Endpoint(url, SecretStr(CANARY), concurrency=20)
            source = MassiveSource(endpoint, plan, lambda: EVENING, index, name="simulated")
            yield Offered(source, index)
            await source.close()
        return
    folder: Path = tmp_path_factory.mktemp(request.param)
    files = write_market(market, folder, request.param, COUNT)
    yield Offered(await LocalSource.open(LocalFiles(files.bars, files.universe, files.splits), index), index)


async def test_the_newest_session_is_the_same(offered: Offered) -> None:
    assert offered.source.latest_session() == SESSION


@pytest.mark.parametrize("place", [0, 1, COUNT // 2, COUNT - 2, COUNT - 1])
async def test_a_session_has_every_bar_bit_for_bit(place: int, offered: Offered, truth: Truth) -> None:
    assert await offered.of_session(place) == truth.of_session(place)


async def test_one_symbol_has_every_bar_bit_for_bit(offered: Offered, truth: Truth) -> None:
    delisted = truth.symbols[truth.market.listings.active]
    split = truth.symbols[truth.market.splits.rows[-1].column]
    for symbol in ("SPY", delisted, split):
        bars = await offered.source.symbol_bars(symbol, SESSIONS[0], SESSION)
        there = truth.bars[:, :, truth.symbols.index(symbol)]
        traded = ~np.isnan(there[0])
        assert bars.session_days.tolist() == DAYS[traded].tolist()
        assert bars.bars.tobytes() == np.ascontiguousarray(there[:, traded]).tobytes()
        assert (bars.symbol, bars.refused_count) == (symbol, 0)


async def test_a_part_of_the_sessions_has_their_bars_only(offered: Offered) -> None:
    whole = await offered.source.symbol_bars("SPY", SESSIONS[0], SESSION)
    part = await offered.source.symbol_bars("SPY", SESSIONS[10], SESSIONS[19])
    assert part.session_days.tolist() == DAYS[10:20].tolist()
    assert part.bars.tolist() == whole.bars[:, 10:20].tolist()


@pytest.mark.parametrize("symbol", ["NOSUCH", "spy", "", "..", "SPY/../A"])
async def test_an_unknown_symbol_has_no_bars(symbol: str, offered: Offered) -> None:
    bars = await offered.source.symbol_bars(symbol, SESSIONS[0], SESSION)
    assert (bars.bars.shape, len(bars.session_days), bars.refused_count) == ((5, 0), 0, 0)


async def test_the_splits_come_to_the_same(offered: Offered, truth: Truth) -> None:
    def told(symbol: str, day: int, ratio: float) -> tuple[str, int, float]:
        return symbol, day, ratio

    market = truth.market
    traded = {symbol for place in range(COUNT) for symbol in truth.of_session(place)}
    expected = {
        told(truth.symbols[row.column], to_day_number(market.sessions[row.session]), row.ratio_to / row.ratio_from)
        for row in market.splits.rows
        if row.session >= HISTORY - COUNT
    }
    found = collapse(await offered.source.splits(SESSIONS[0]))
    assert len(expected) > 2
    assert {told(split.symbol, split.session_day, split.ratio_to / split.ratio_from) for split in found} == {
        split for split in expected if split[0] in traded
    }


async def test_the_symbols_that_trade_are_listed(offered: Offered, truth: Truth) -> None:
    listed = truth.market.listed(SESSION)
    listed[truth.market.listings.unreferenced] = False
    traded = {symbol for place in range(COUNT) for symbol in truth.of_session(place)}
    expected = {truth.symbols[column] for column in np.flatnonzero(listed)} & traded
    # A provider lists symbols without any bar too; a file knows nothing of those.
    found = [listing.symbol for listing in await offered.source.listings()]
    assert len(found) == len(set(found))
    assert {symbol for symbol in found if symbol in traded} == expected


async def test_the_adjusted_panel_is_the_same_bit_for_bit(offered: Offered, truth: Truth) -> None:
    panel = np.full_like(truth.bars, np.nan)
    columns = {symbol: column for column, symbol in enumerate(truth.symbols)}
    for place in range(COUNT):
        for symbol, bar in (await offered.of_session(place)).items():
            panel[:, place, columns[symbol]] = bar
    expected = truth.bars.copy()
    np.testing.assert_array_equal(panel, expected)
    adjust(panel, DAYS, truth.symbols, by_symbol(await offered.source.splits(SESSIONS[0])))
    for row in dict.fromkeys(
        row for row in truth.market.splits.rows if not row.repeated and HISTORY - COUNT <= row.session < HISTORY
    ):
        before = row.session - (HISTORY - COUNT)
        expected[:4, :before, row.column] *= row.ratio_from
        expected[:4, :before, row.column] /= row.ratio_to
        expected[4, :before, row.column] *= row.ratio_to
        expected[4, :before, row.column] /= row.ratio_from
    assert not np.array_equal(expected, truth.bars, equal_nan=True)
    np.testing.assert_array_equal(panel, expected)


async def test_a_source_that_works_is_not_failing(offered: Offered) -> None:
    assert not offered.source.failing
