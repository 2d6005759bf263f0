"""Filling the book of details in the background: in which order, how fast, and when not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from services.fetcher.activity import Activity
from services.fetcher.cache import SessionCache
from services.fetcher.reference import details_filler
from services.fetcher.reference.details import DetailsBook
from services.fetcher.reference.details_filler import (
    CALLS_IN_ONE,
    IDLE_S,
    LEAST_SPACING_S,
    ROUND_S,
    UPTIME_S,
    DetailsFiller,
)
from services.fetcher.reference.reference import Reference
from services.fetcher.reference.symbol_list import SymbolList
from services.fetcher.source import Details, Listing, Pace
from services.fetcher.store.layout import Place
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.symbols import SymbolIndex
from services.fetcher.sync import SessionSync
from services.market.errors import ProviderPlanError, ProviderUnavailableError
from services.market.vocabulary import SymbolType
from tests.fetcher.fake_source import LATEST, FakeSource
from tests.fetcher.fake_timer import FakeTimer

NAN = float("nan")


@dataclass
class Watched(FakeSource):
    """Tells who was asked for and when, by `timer`; fails, or answers late, as it is told."""

    noted: list[tuple[str, float]] = field(default_factory=list)
    timer: FakeTimer = field(default_factory=FakeTimer)
    refusal: Exception | None = None
    held: asyncio.Event | None = None
    extra_calls: int = 0

    async def details(self, symbol: str) -> Details | None:
        """Note the question."""
        self.noted.append((symbol, self.timer.now))
        self.asked[f"details {symbol}"] += 1 + self.extra_calls
        if self.refusal is not None:
            raise self.refusal
        if self.held is not None:
            await self.held.wait()
        return Details(symbol, SymbolType.COMMON, "XNYS", "6021", 5.0)

    async def listings(self) -> tuple[Listing, ...]:
        """List stocks and others, by type."""
        kinds = {"A": SymbolType.COMMON, "BB": SymbolType.UNKNOWN, "CCC": SymbolType.ADR, "DDDD": SymbolType.ETF}
        return tuple(Listing(symbol, "", kind, "", "", NAN) for symbol, kind in kinds.items())


@dataclass
class Desk:
    """A filler with all that it takes; `asked` are the symbols in the order in which they were asked for, and when."""

    source: Watched
    book: DetailsBook
    filler: DetailsFiller
    activity: Activity
    sync: SessionSync
    reference: Reference
    timer: FakeTimer
    store: Store
    asked: list[tuple[str, float]]

    @property
    def symbols(self) -> list[str]:
        """Symbols asked for, in order."""
        return [symbol for symbol, _ in self.asked]

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Let the filler work until something is so."""
        for _ in range(100_000):
            if is_so():
                return
            await asyncio.sleep(0)
        raise AssertionError(f"it never came: {self.filler}, asked {self.asked}")

    async def let_pass(self) -> None:
        """Let the filler do what it can do."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def close(self) -> None:
        """End all."""
        await self.filler.close()
        await self.sync.close()
        await self.reference.close()
        await self.store.close()


OpenDesk = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def open_desk(tmp_path: Path) -> AsyncIterator[OpenDesk]:
    made: list[Desk] = []

    async def open_one(**changes: object) -> Desk:
        source = Watched(SymbolIndex(), traded=("A", "BB", "CCC", "DDDD"))
        for name, value in changes.items():
            setattr(source, name, value)
        store = Store(source.index)
        await store.open(Place(tmp_path / "bars.sqlite3", "simulated-1"))
        stored, cache, book = StoredSource(source, store), SessionCache(10**8), DetailsBook(store)
        await book.load()
        reference, sync, activity = Reference(stored), SessionSync(stored, cache), Activity(source.timer)
        cache.put(await source.session_bars(LATEST))
        symbols = SymbolList(reference, sync, source.index, cache, stored, book)
        await reference.listings(LATEST)
        filler = DetailsFiller(stored, book, symbols, sync, activity, source.timer)
        made.append(Desk(source, book, filler, activity, sync, reference, source.timer, store, source.noted))
        return made[-1]

    yield open_one
    for desk in made:
        await desk.close()


async def test_stocks_are_asked_for_once_each_the_most_liquid_first(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    began = desk.timer.now
    desk.filler.start()
    await desk.until(lambda: desk.timer.now > began + 2 * ROUND_S)
    assert desk.symbols == ["CCC", "BB", "A"]
    assert desk.asked[0][1] >= began + UPTIME_S
    assert desk.book.known_count == 3


@pytest.mark.parametrize("pace", [Pace("basic", 12.24), Pace("advanced", 0.0102), Pace()])
async def test_less_than_a_tenth_of_the_plan_is_used(open_desk: OpenDesk, pace: Pace) -> None:
    desk = await open_desk(pace=pace)
    desk.filler.start()
    await desk.until(lambda: len(desk.asked) == 3)
    times = [when for _, when in desk.asked]
    spacings = [later - earlier for earlier, later in pairwise(times)]
    assert min(spacings) >= max(CALLS_IN_ONE * pace.spacing_s, LEAST_SPACING_S) * 0.999


async def test_retries_are_paid_for_by_waiting_longer(open_desk: OpenDesk) -> None:
    desk = await open_desk(pace=Pace("basic", 12.0), extra_calls=3)
    desk.filler.start()
    await desk.until(lambda: len(desk.asked) == 2)
    assert desk.asked[1][1] - desk.asked[0][1] >= 4 * 120.0


async def test_it_pauses_while_somebody_waits_and_some_seconds_more(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    with desk.activity.busy():
        desk.filler.start()
        await desk.let_pass()
        assert desk.asked == []
        desk.timer.now += 1000.0
        left_at = desk.timer.now
    await desk.until(lambda: bool(desk.asked))
    assert desk.asked[0][1] >= left_at + IDLE_S


async def test_a_call_is_broken_off_when_a_scan_comes_and_made_again(open_desk: OpenDesk) -> None:
    desk = await open_desk(held=asyncio.Event())
    desk.filler.start()
    await desk.until(lambda: bool(desk.asked))
    with desk.activity.busy():
        await desk.let_pass()
        assert desk.symbols == ["CCC"]
    desk.source.held = None
    await desk.until(lambda: len(desk.asked) == 4)
    assert desk.symbols == ["CCC", "CCC", "BB", "A"]
    assert desk.filler.failed_count == 0


async def test_sessions_on_their_way_go_before(open_desk: OpenDesk) -> None:
    desk = await open_desk(hold=None)
    desk.source.hold = asyncio.Event()
    desk.sync.begin((LATEST.replace(day=29),))
    desk.filler.start()
    await desk.let_pass()
    assert desk.asked == []
    desk.source.hold.set()
    await desk.until(lambda: bool(desk.asked))


async def test_a_failure_is_counted_and_tried_again_in_the_next_round(open_desk: OpenDesk) -> None:
    desk = await open_desk(refusal=ProviderUnavailableError("down"))
    desk.filler.start()
    await desk.until(lambda: len(desk.asked) == 3)
    desk.source.refusal = None
    await desk.until(lambda: desk.book.known_count == 3)
    assert desk.filler.failed_count == 3
    assert desk.asked[3][1] - desk.asked[0][1] >= ROUND_S - 1
    assert len(desk.asked) == 6


async def test_a_plan_that_refuses_is_asked_once_a_round(open_desk: OpenDesk) -> None:
    desk = await open_desk(refusal=ProviderPlanError("not on this plan"))
    desk.filler.start()
    await desk.until(lambda: len(desk.asked) == 2)
    assert desk.asked[1][1] - desk.asked[0][1] >= ROUND_S - 1


async def test_closing_in_the_middle_ends_the_call_and_a_restart_goes_on(open_desk: OpenDesk) -> None:
    desk = await open_desk()
    desk.filler.start()
    await desk.until(lambda: desk.symbols == ["CCC", "BB"])
    await desk.close()
    tasks = {task.get_name() for task in asyncio.all_tasks()}
    assert "details" not in tasks
    again = await open_desk()
    assert again.book.known_count in {1, 2}
    again.filler.start()
    await again.until(lambda: again.book.known_count == 3)
    assert "A" in again.symbols
    assert "CCC" not in again.symbols


async def test_what_came_is_written_in_batches(open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details_filler, "BATCH", 2)
    desk = await open_desk()
    desk.filler.start()
    await desk.until(lambda: desk.book.known_count == 2)
    await desk.until(lambda: desk.book.unsaved_count == 0)


async def test_without_a_list_there_is_nobody_to_ask_for(open_desk: OpenDesk) -> None:
    desk = await open_desk(pace=Pace())
    bare = FakeSource(SymbolIndex())
    store = Store(bare.index)
    stored, cache, book = StoredSource(bare, store), SessionCache(10**8), DetailsBook(store)
    reference, sync = Reference(stored), SessionSync(stored, cache)
    symbols = SymbolList(reference, sync, bare.index, cache, stored, book)
    filler = DetailsFiller(stored, book, symbols, sync, desk.activity, desk.timer)
    began = desk.timer.now
    filler.start()
    await desk.until(lambda: desk.timer.now > began + 2 * ROUND_S)
    await filler.close()
    assert bare.request_count == 0
    assert set(desk.timer.slept) == {UPTIME_S}
    await store.close()
