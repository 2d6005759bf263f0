"""A provider that is down costs freshness: the newest session at hand stands in for one that nobody named."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from services.fetcher.bars import Bars
from services.fetcher.cache import SessionCache
from services.fetcher.reference.symbol_list import Listed
from services.fetcher.store.layout import Place
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.stream_events import StreamRequest
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.errors import ProviderPlanError, ProviderUnavailableError
from services.market.sessions import sessions_between, to_day_number
from tests.fetcher.fake_source import LATEST, FakeSource
from tests.fetcher.test_bars import EARLY, HISTORY, SESSIONS, Sink

NEXT = date(2025, 10, 1)
SPLIT = Split("A", to_day_number(SESSIONS[3]), 1, 4)
Open = Callable[[date], Awaitable[tuple[Bars, FakeSource]]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens fetchers of their own on one store."""
    made: list[Bars] = []

    async def one(latest: date) -> tuple[Bars, FakeSource]:
        source = FakeSource(SymbolIndex(), known_splits=(SPLIT,))
        source.latest_session = lambda: latest  # type: ignore[method-assign]
        store = Store(source.index)
        await store.open(Place(tmp_path / "bars.sqlite3", "simulated-1"))
        made.append(Bars(StoredSource(source, store), source.index, SessionCache(10**8), store, early_sessions=EARLY))
        return made[-1], source

    yield one
    for bars in made:
        await bars.close()


async def listed(bars: Bars, *, newest: bool = True, seconds: float = 10.0) -> Listed:
    """List as of the newest session."""
    until = asyncio.get_running_loop().time() + seconds
    return await bars.listed(bars.resolve(""), HISTORY, until=until, newest=newest)


async def stream(bars: Bars, as_of: date, *, seconds: float = 10.0) -> Sink:
    """Stream two symbols."""
    sink, until = Sink(), asyncio.get_running_loop().time() + seconds
    await bars.stream(StreamRequest(("A", "BB"), until, 2), as_of, HISTORY, sink.take)
    return sink


async def down(opened: Open, latest: date) -> tuple[Bars, Sink]:
    """Scan as of `LATEST`; return a fetcher some sessions later whose provider is down, and what the scan got."""
    bars, _ = await opened(LATEST)
    await listed(bars)
    before = await stream(bars, LATEST)
    await bars.close()
    bars, source = await opened(latest)
    source.failing = True
    source.failures = {
        session: [ProviderUnavailableError("down")] * 1000 for session in sessions_between(LATEST, latest)[1:]
    }
    return bars, before


async def test_while_the_provider_is_down_the_newest_session_at_hand_stands_in(opened: Open) -> None:
    bars, before = await down(opened, NEXT)
    began = time.monotonic()
    found = await listed(bars, seconds=60)
    again = await stream(bars, found.as_of, seconds=60)
    assert time.monotonic() - began < 10
    assert found.as_of == LATEST
    assert found.notices == (f"the provider is failing: as of {LATEST}, the newest session at hand, instead of {NEXT}",)
    assert [panel.bars.tobytes() for panel in again.panels] == [panel.bars.tobytes() for panel in before.panels]


async def test_a_stored_session_is_at_hand_though_the_provider_is_down(opened: Open) -> None:
    bars, source = await opened(LATEST)
    await listed(bars)
    before = await stream(bars, LATEST)
    await bars.stored.refresh()
    bars.cache.drop(LATEST)
    source.failing = True
    found = await listed(bars, seconds=60)
    assert (found.as_of, found.notices) == (LATEST, ())
    again = await stream(bars, LATEST)
    assert [panel.bars.tobytes() for panel in again.panels] == [panel.bars.tobytes() for panel in before.panels]


async def test_a_list_before_the_history_of_the_plan_is_not_waited_for(opened: Open) -> None:
    bars, source = await opened(LATEST)
    source.history_begins = LATEST
    began = time.monotonic()
    assert (await bars.listed(SESSIONS[0], 1, until=asyncio.get_running_loop().time() + 60)).listings
    assert time.monotonic() - began < 5


async def test_a_session_that_is_named_never_falls_back(opened: Open) -> None:
    bars, _ = await down(opened, NEXT)
    assert (await listed(bars, newest=False, seconds=1)).as_of == NEXT
    with pytest.raises(ProviderUnavailableError):
        await stream(bars, NEXT, seconds=0.5)


async def test_what_lies_too_far_back_does_not_stand_in(opened: Open) -> None:
    later = date(2025, 10, 8)
    assert len(sessions_between(LATEST, later)) - 1 == 6
    bars, _ = await down(opened, later)
    assert (await listed(bars, seconds=1)).as_of == later


async def test_a_history_that_the_plan_does_not_reach_is_refused_with_the_reason(opened: Open) -> None:
    bars, source = await opened(LATEST)
    source.history_begins = SESSIONS[-2]
    with pytest.raises(ProviderPlanError, match=str(SESSIONS[-2])):
        await stream(bars, LATEST)
    assert source.asked.keys() <= {"splits", "adjusted"}
