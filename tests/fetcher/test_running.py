"""The running session: when it is asked for, how long it is believed, and that nothing of it stays anywhere."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from services.fetcher.bars import Bars
from services.fetcher.cache import SessionCache
from services.fetcher.running import FRESH_S, KEPT_S, RunningBars
from services.fetcher.source import SessionBars, SymbolBars
from services.fetcher.store.layout import Place
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.stream_events import StreamRequest
from services.fetcher.symbols import SymbolIndex
from services.fetcher.window import RunningSession
from services.market.adjust import Split
from services.market.errors import BudgetSpentError, InvalidRequestError, ProviderPlanError, ProviderUnavailableError
from services.market.sessions import NEW_YORK, sessions_ending, to_day_number
from services.market.vocabulary import Flag, Reason
from tests.fetcher.fake_source import LATEST, FakeSource, bar
from tests.fetcher.test_bars import Sink

TODAY = date(2025, 10, 1)
HISTORY = 6
SESSIONS = sessions_ending(TODAY, HISTORY)


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = datetime(2025, 10, 1, 12, tzinfo=NEW_YORK)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass
class TradingSource(FakeSource):
    """A source whose session runs: its bars so far are `so_far`, or `snapshot_failure` is raised."""

    running: date | None = TODAY
    so_far: dict[str, tuple[float, float, float, float, float]] = field(
        default_factory=lambda: {"A": (9, 12, 8, 11, 5)}
    )
    snapshot_failure: Exception | None = None
    snapshot_hold: asyncio.Event | None = None
    ranges: list[tuple[date, date]] = field(default_factory=list)

    async def running_bars(self, session: date) -> SessionBars:
        """Return the bars so far."""
        self.asked["running"] += 1
        await (self.snapshot_hold.wait() if self.snapshot_hold else asyncio.sleep(0))
        if self.snapshot_failure is not None:
            raise self.snapshot_failure
        values = np.array(list(self.so_far.values()), np.float64).reshape(-1, 5).T
        return SessionBars(session, self.index.add(tuple(self.so_far)), values, refused_count=0)

    async def symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        """Take note of the days that were asked for."""
        self.ranges.append((first, last))
        return await super().symbol_bars(symbol, first, last)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> TradingSource:
    return TradingSource(SymbolIndex())


@pytest.fixture
async def running(source: TradingSource, clock: Clock) -> AsyncIterator[RunningBars]:
    made = RunningBars(StoredSource(source, Store(source.index)), clock)
    yield made
    await made.close()


@pytest.fixture
async def store(source: TradingSource, tmp_path: Path) -> Store:
    made = Store(source.index)
    await made.open(Place(tmp_path / "bars.sqlite3", "simulated-1"))
    return made


@pytest.fixture
async def bars(source: TradingSource, clock: Clock, store: Store) -> AsyncIterator[Bars]:
    made = Bars(
        StoredSource(source, store), source.index, SessionCache(1 << 30), store, early_sessions=HISTORY - 1, clock=clock
    )
    yield made
    await made.close()


async def scan(bars: Bars, as_of: date, *symbols: str, history: int = HISTORY) -> Sink:
    """Stream `symbols` as of a session."""
    sink = Sink()
    until = asyncio.get_running_loop().time() + 5
    await bars.stream(StreamRequest(symbols, until, 8), as_of, history, sink.take)
    return sink


async def test_a_snapshot_is_shared_for_a_minute(running: RunningBars, source: TradingSource, clock: Clock) -> None:
    first, second = await asyncio.gather(running.get(TODAY), running.get(TODAY))
    clock.pass_by(FRESH_S - 1)
    assert first is second is await running.get(TODAY)
    clock.pass_by(1)
    assert await running.get(TODAY) is not first
    assert source.asked["running"] == 2


async def test_an_older_snapshot_stands_in_while_the_provider_fails(
    running: RunningBars, source: TradingSource, clock: Clock
) -> None:
    first = await running.get(TODAY)
    source.snapshot_failure = ProviderUnavailableError("down")
    clock.pass_by(KEPT_S - 1)
    assert await running.get(TODAY) is first
    assert "as of 12:00:00 New York" in first.notice
    clock.pass_by(1)
    with pytest.raises(ProviderUnavailableError):
        await running.get(TODAY)


async def test_an_older_snapshot_stands_in_while_the_provider_hangs(
    running: RunningBars, source: TradingSource, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.running.REFRESH_S", 0.01)
    first = await running.get(TODAY)
    source.snapshot_hold = asyncio.Event()
    clock.pass_by(FRESH_S)
    assert await running.get(TODAY) is first
    source.snapshot_hold.set()
    assert await running.get(TODAY) is not first
    assert source.asked["running"] == 2


async def test_a_first_snapshot_that_is_late_ends_the_list(running: RunningBars, source: TradingSource) -> None:
    source.snapshot_hold = asyncio.Event()
    with pytest.raises(BudgetSpentError, match="did not come in time"):
        await running.notice(TODAY, asyncio.get_running_loop().time() + 0.01)


async def test_a_session_that_is_over_is_forgotten(running: RunningBars, source: TradingSource) -> None:
    await running.get(TODAY)
    source.running = None
    running.tidy()
    source.running, source.snapshot_failure = TODAY, ProviderUnavailableError("down")
    with pytest.raises(ProviderUnavailableError):
        await running.get(TODAY)


async def test_a_clock_that_was_put_back_makes_a_snapshot_old(
    running: RunningBars, source: TradingSource, clock: Clock
) -> None:
    await running.get(TODAY)
    clock.pass_by(-5)
    await running.get(TODAY)
    assert source.asked["running"] == 2


async def test_a_missing_plan_is_told_even_with_an_older_snapshot(
    running: RunningBars, source: TradingSource, clock: Clock
) -> None:
    await running.get(TODAY)
    source.snapshot_failure = ProviderPlanError("no snapshot")
    clock.pass_by(FRESH_S)
    with pytest.raises(ProviderPlanError):
        await running.get(TODAY)


def test_columns_beyond_the_snapshot_have_no_bar() -> None:
    session = RunningSession(TODAY, Clock()(), np.array([[1.0, 2, 1, 2, 5]]))
    found = session.bars_of(np.array([3, 0], np.int32))
    assert np.isnan(found[:, 0]).all()
    assert found[:, 1].tolist() == [1, 2, 1, 2, 5]


async def test_blocks_end_with_the_bars_so_far_and_are_flagged(bars: Bars, source: TradingSource) -> None:
    source.known_splits = (Split("A", to_day_number(TODAY), 1, 2),)
    sink = await scan(bars, TODAY, "BB", "A")
    (panel,) = sink.panels
    assert panel.symbols == ("BB", "A")
    assert panel.session_days.tolist() == [to_day_number(session) for session in SESSIONS]
    assert panel.session_fetched.all()
    assert panel.bars[:, -1, 1].tolist() == [9, 12, 8, 11, 5]
    assert np.isnan(panel.bars[:, -1, 0]).all()
    # A split of today restates the sessions before, not the bar so far.
    assert panel.close[:-1, 1].tolist() == [bar("A", session)[3] / 2 for session in SESSIONS[:-1]]
    assert all(flags & Flag.PROVISIONAL for flags in panel.flags.tolist())
    assert sink.versions == []  # They change by the minute.
    assert source.asked[TODAY] == 0


async def test_the_list_is_that_of_the_newest_session_and_tells_the_time(bars: Bars, source: TradingSource) -> None:
    until = asyncio.get_running_loop().time() + 5
    listed = await bars.listed(TODAY, HISTORY, until=until)
    assert [listing.symbol for listing in listed.listings] == ["CCC", "BB", "A"]
    assert listed.notices == (f"{TODAY} is still running: its bars are provisional, as of 12:00:00 New York",)
    assert source.asked["running"] == 1
    assert source.asked[TODAY] == 0


async def test_nothing_of_a_running_session_is_stored_or_remembered(bars: Bars, store: Store, tmp_path: Path) -> None:
    async def dump() -> list[str]:
        """Return what the store holds, once nothing waits to be written."""
        await store.flush()
        with closing(sqlite3.connect(tmp_path / "bars.sqlite3")) as db:
            return list(db.iterdump())

    before = await scan(bars, LATEST, "A", "BB", history=HISTORY - 1)
    held = await dump()
    await scan(bars, TODAY, "A", "BB")
    after = await scan(bars, LATEST, "A", "BB", history=HISTORY - 1)
    assert await dump() == held
    assert after.panels[0].bars.tobytes() == before.panels[0].bars.tobytes()
    assert len(after.panels[0].flags) == 0


async def test_a_symbol_without_bars_is_repaired_up_to_the_newest_completed_session(
    bars: Bars, source: TradingSource
) -> None:
    source.single, source.listed = ("LATE",), ("A", "LATE", "NEVER")
    sink = await scan(bars, TODAY, "A", "LATE", "NEVER")
    assert sink.symbols == ["A", "LATE"]
    assert sink.omissions == {"NEVER": Reason.NO_DATA}
    assert set(source.ranges) == {(SESSIONS[0], LATEST)}
    assert all(flags & Flag.PROVISIONAL for panel in sink.panels for flags in panel.flags.tolist())


async def test_a_symbol_that_trades_for_the_first_time_today_is_there(bars: Bars, source: TradingSource) -> None:
    source.so_far = {"NEW": (5, 6, 4, 5, 100)}
    sink = await scan(bars, TODAY, "NEW")
    assert sink.symbols == ["NEW"]
    assert np.isnan(sink.panels[0].close[:-1, 0]).all()


async def test_the_running_session_is_the_newest_one_only_if_it_is_asked_for(bars: Bars, source: TradingSource) -> None:
    assert bars.resolve("") == LATEST
    assert bars.resolve("", include_running=True) == TODAY
    assert bars.resolve("2025-10-01", include_running=True) == TODAY
    assert bars.resolve("2025-09-26", include_running=True) == date(2025, 9, 26)
    with pytest.raises(InvalidRequestError, match="not over yet"):
        bars.resolve("2025-10-01")
    with pytest.raises(InvalidRequestError, match="not over yet"):
        bars.resolve("2025-10-02", include_running=True)
    source.running = None
    assert bars.resolve("", include_running=True) == LATEST
    assert (bars.is_running(LATEST), bars.is_running(TODAY)) == (False, False)


@pytest.mark.parametrize("name", ["files", "replay"])
async def test_files_have_no_running_session(bars: Bars, source: TradingSource, name: str) -> None:
    source.name = name
    with pytest.raises(InvalidRequestError, match=f"{name} has no running session"):
        bars.resolve("", include_running=True)


async def test_a_plan_without_snapshot_ends_the_list_and_the_stream(bars: Bars, source: TradingSource) -> None:
    source.snapshot_failure = ProviderPlanError("no snapshot")
    with pytest.raises(ProviderPlanError):
        await bars.listed(TODAY, HISTORY, until=asyncio.get_running_loop().time() + 5)
    with pytest.raises(ProviderPlanError):
        await scan(bars, TODAY, "A")


async def test_the_running_session_alone_is_no_window(bars: Bars) -> None:
    with pytest.raises(InvalidRequestError, match="ask for 2 or more"):
        await scan(bars, TODAY, "A", history=1)
