"""Which reference list a scan takes, and when one is asked for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.reference.details import DetailsBook
from services.fetcher.reference.kept_lists import KEPT
from services.fetcher.reference.reference import STALE_SESSIONS, DatedList, Reference
from services.fetcher.source import Details, Listing
from services.fetcher.store.layout import Place
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.symbols import SymbolIndex
from services.files.attributes import AttributeBook, Attributes
from services.market.errors import ProviderUnavailableError
from services.market.sessions import nearest_session, sessions_ending
from services.market.vocabulary import SymbolType
from tests.fetcher.fake_source import LATEST, FakeSource

NAN = float("nan")
DAYS = sessions_ending(LATEST, KEPT + 10)


class Desk:
    """A reference over a source whose newest session and list a test sets; restarts over one store."""

    def __init__(self, place: Place | None = None, book: AttributeBook | None = None) -> None:
        self.source = FakeSource(SymbolIndex())
        self._place = place
        self._book = book
        self._is_open = False
        self.store = Store(self.source.index)

    async def open(self) -> None:
        """Start, or start anew as another process would."""
        await self.close()
        self.store = Store(self.source.index)
        if self._place is not None:
            await self.store.open(self._place)
        self.reference = Reference(StoredSource(self.source, self.store, self._book))
        self._is_open = True

    def on(self, session: date, *listed: str) -> None:
        """Let a session be the newest one, and the provider's list be so from now on."""
        self.source.latest_session = lambda: session  # type: ignore[method-assign]  # the source's clock
        self.source.listed = listed or self.source.listed

    async def symbols(self, as_of: date) -> set[str]:
        """Return the symbols of the list for a scan."""
        return set((await self.reference.listings(as_of)).symbols)

    async def refreshed(self) -> None:
        """Wait for a list of the newest session."""
        await self.reference.refresh(0)

    async def close(self) -> None:
        """End."""
        if self._is_open:
            await self.reference.close()
        self._is_open = False
        await self.store.close()


Open = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    made: list[Desk] = []

    async def one(book: AttributeBook | None = None) -> Desk:
        made.append(Desk(Place(tmp_path / "bars.sqlite3", "simulated-1"), book))
        await made[-1].open()
        return made[-1]

    yield one
    for desk in made:
        await desk.close()


async def test_a_list_serves_the_sessions_after_it_without_a_call(opened: Open) -> None:
    desk = await opened()
    desk.on(DAYS[0], "A")
    assert await desk.symbols(DAYS[0]) == {"A"}
    for day in DAYS[1 : STALE_SESSIONS + 1]:
        desk.on(day, "A", "NEW")
        found = await desk.reference.listings(day)
        assert set(found.symbols) == {"A"}
        assert found.notices(day) == ()
        await desk.open()
    assert desk.source.asked == {"listings": 1}


async def test_a_list_too_far_behind_is_used_and_asked_for_anew_in_the_background(opened: Open) -> None:
    desk = await opened()
    desk.on(DAYS[0], "A")
    await desk.symbols(DAYS[0])
    later, next_one = DAYS[STALE_SESSIONS + 1], DAYS[STALE_SESSIONS + 2]
    desk.on(later, "A", "NEW")
    for asking in desk.reference.begin(later, later):
        await asking
    found = await desk.reference.listings(later)
    assert set(found.symbols) == {"A"}
    assert f"of {DAYS[0]}, {STALE_SESSIONS + 1} sessions before" in found.notices(later)[0]
    await desk.refreshed()
    assert await desk.symbols(later) == {"A"}
    await desk.open()
    assert await desk.symbols(later) == {"A"}
    desk.on(next_one)
    found = await desk.reference.listings(next_one)
    assert set(found.symbols) == {"A", "NEW"}
    assert found.notices(next_one) == ()
    assert desk.source.asked["listings"] == 2


async def test_nobody_waits_for_a_list_that_is_asked_for_anew(opened: Open) -> None:
    desk = await opened()
    desk.on(DAYS[0], "A")
    await desk.symbols(DAYS[0])
    desk.on(LATEST)
    desk.source.listings = asyncio.Event().wait  # type: ignore[method-assign, assignment]  # never answers
    assert await desk.symbols(LATEST) == {"A"}


async def test_a_scan_of_the_past_takes_the_oldest_list_and_asks_for_none(opened: Open) -> None:
    desk = await opened()
    desk.on(DAYS[20], "A")
    await desk.symbols(DAYS[20])
    desk.on(DAYS[21], "A", "B")
    await desk.refreshed()
    found = await desk.reference.listings(DAYS[3])
    assert set(found.symbols) == {"A"}
    assert found.notices(DAYS[3]) == ()
    assert desk.source.asked == {"listings": 2}


async def test_two_lists_of_one_session_are_one(opened: Open) -> None:
    first, second = await opened(), await opened()
    first.on(DAYS[0], "A")
    second.on(DAYS[0], "B")
    assert await first.symbols(DAYS[0]) == {"A"}
    await first.open()
    assert await second.symbols(DAYS[0]) == {"A"}
    assert second.source.request_count == 0


async def test_a_store_keeps_the_newest_lists_only(opened: Open) -> None:
    desk = await opened()
    for number, day in enumerate(DAYS):
        desk.on(day, f"S{number}")
        await desk.refreshed()
    await desk.open()
    assert await desk.symbols(DAYS[0]) == {f"S{len(DAYS) - KEPT}"}
    assert await desk.symbols(LATEST) == {f"S{len(DAYS) - 2}"}


async def test_lists_and_details_outlive_the_answers_of_later_years(opened: Open) -> None:
    desk = await opened()
    desk.on(DAYS[0], "A")
    await desk.symbols(DAYS[0])
    book = DetailsBook(desk.store)
    book.add("A", Details("A", SymbolType.COMMON, "XNYS", "6021", 5.0), DAYS[0])
    await book.save()
    desk.on(nearest_session(DAYS[0] + timedelta(days=800)), "A", "NEW")
    await desk.reference.splits(DAYS[0])
    await desk.refreshed()
    await desk.open()
    assert await desk.symbols(DAYS[1]) == {"A"}
    again = DetailsBook(desk.store)
    await again.load()
    assert again.known_count == 1


async def test_a_list_that_failed_is_asked_for_again(opened: Open) -> None:
    desk = await opened()
    fine = desk.source.listings

    async def fail() -> tuple[Listing, ...]:
        raise ProviderUnavailableError("down")

    desk.source.listings = fail  # type: ignore[method-assign]  # for a while
    with pytest.raises(ProviderUnavailableError):
        await desk.symbols(LATEST)
    desk.source.listings = fine  # type: ignore[method-assign]  # and back
    assert await desk.symbols(LATEST) == {"A", "BB", "CCC"}


async def test_who_asks_at_once_shares_one_call(opened: Open) -> None:
    desk = await opened()
    lists = await asyncio.gather(*(desk.reference.listings(day) for day in (LATEST, LATEST, DAYS[0])))
    assert lists[0].symbols is lists[1].symbols is lists[2].symbols
    assert desk.source.asked == {"listings": 1}


async def test_what_a_file_knows_counts_for_stored_lists_too(opened: Open) -> None:
    desk = await opened()
    await desk.symbols(LATEST)
    await desk.close()
    told = await opened(AttributeBook({"A": Attributes("ours", SymbolType.ETF, "", "", NAN)}))
    assert (await told.reference.listings(LATEST)).symbols["A"].name == "ours"
    assert told.source.request_count == 0


async def test_closing_ends_what_is_asked_for(opened: Open) -> None:
    desk = await opened()
    ended = asyncio.Event()

    async def listings() -> tuple[Listing, ...]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ()

    desk.source.listings = listings  # type: ignore[method-assign]  # hangs
    asking = desk.reference.begin(LATEST, LATEST)
    await asyncio.wait(asking, timeout=0.05)
    await desk.close()
    assert ended.is_set()
    assert all(task.done() for task in asking)


def test_a_list_of_a_later_session_is_not_behind() -> None:
    assert DatedList(LATEST, {}).age(DAYS[0]) == 0
    assert DatedList(DAYS[0], {}).age(DAYS[3]) == 3


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=7), st.data())
async def test_a_session_has_one_list_whenever_it_is_scanned(refreshes: list[bool], data: st.DataObject) -> None:
    desk = Desk()
    await desk.open()
    told: dict[date, set[str]] = {}
    for number, is_refreshed in enumerate(refreshes):
        today = DAYS[2 * number]
        desk.on(today, f"S{number}")
        if is_refreshed:
            await desk.refreshed()
        for _ in range(3):
            as_of = DAYS[data.draw(st.integers(0, 2 * number))]
            found = await desk.symbols(as_of)
            assert told.setdefault(as_of, found) == found
    await desk.close()
