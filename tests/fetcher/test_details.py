"""What single calls told of symbols, and how it completes the list of a scan."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.fetcher.bars import Bars
from services.fetcher.cache import SessionCache
from services.fetcher.reference.details import KEPT_DAYS, REVISIONS, DetailsBook, Revision
from services.fetcher.source import Details, Listing
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import Place
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.symbols import SymbolIndex
from services.files.attributes import AttributeBook, Attributes
from services.market.adjust import Split
from services.market.errors import ProviderUnavailableError
from services.market.sessions import sessions_ending, to_day_number
from services.market.vocabulary import SymbolType
from tests.fetcher.fake_source import LATEST, FakeSource, bar

NAN = math.nan
DAYS = sessions_ending(LATEST, 80)
BANK = Details("A", SymbolType.COMMON, "XNYS", "6021", 1000.0)
OpenBook = Callable[[], Awaitable["KeptBook"]]


class KeptBook(DetailsBook):
    """A book that tells when what it saved is on disk."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._flush = store.flush

    async def save(self) -> None:
        """Save, and wait for the disk."""
        await super().save()
        await self._flush()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "bars.sqlite3", "simulated-1")


@pytest.fixture
async def open_book(place: Place) -> AsyncIterator[OpenBook]:
    """Opens books on one store, each as another process would."""
    stores: list[Store] = []

    async def one() -> KeptBook:
        stores.append(Store(SymbolIndex()))
        await stores[-1].open(place)
        book = KeptBook(stores[-1])
        await book.load()
        return book

    yield one
    for store in stores:
        await store.close()


def shares(book: DetailsBook, as_of_place: int) -> float:
    """Return the shares of A that count for a session."""
    found = book.as_of(DAYS[as_of_place]).get("A")
    return NAN if found is None else found.details.shares


def told(count: float) -> Details:
    return Details("A", SymbolType.COMMON, "", "", count)


async def test_an_answer_counts_for_later_sessions_only_and_the_older_one_stays(open_book: OpenBook) -> None:
    book = await open_book()
    book.add("A", told(1.0), DAYS[10])
    book.add("A", told(2.0), DAYS[20])
    assert math.isnan(shares(book, 10))
    assert [shares(book, place) for place in (11, 20, 21, 79)] == [1.0, 1.0, 2.0, 2.0]


async def test_only_the_newest_answers_are_kept(open_book: OpenBook) -> None:
    book = await open_book()
    for number in range(REVISIONS + 1):
        book.add("A", told(float(number + 1)), DAYS[number])
    assert math.isnan(shares(book, 1))
    assert shares(book, 2) == 2.0
    assert shares(book, 79) == REVISIONS + 1


async def test_a_symbol_is_due_again_after_thirty_days(open_book: OpenBook) -> None:
    book = await open_book()
    book.add("A", told(1.0), DAYS[0])
    book.add("NOSUCH", None, DAYS[0])
    within = next(day for day in reversed(DAYS) if (day - DAYS[0]).days < KEPT_DAYS)
    after = next(day for day in DAYS if (day - DAYS[0]).days >= KEPT_DAYS)
    assert book.due(("B", "A", "NOSUCH"), within) == ("B",)
    assert book.due(("B", "A", "NOSUCH"), after) == ("B", "A", "NOSUCH")
    assert book.known_count == 1


async def test_what_was_saved_is_there_after_a_restart(open_book: OpenBook) -> None:
    book = await open_book()
    book.add("A", BANK, DAYS[0])
    book.add("NOSUCH", None, DAYS[0])
    await book.save()
    assert book.unsaved_count == 0
    again = await open_book()
    assert again.as_of(LATEST)["A"].details == BANK
    assert again.due(("A", "NOSUCH"), DAYS[1]) == ()


async def test_two_processes_lose_nothing_of_each_other(open_book: OpenBook) -> None:
    first, second = await open_book(), await open_book()
    first.add("A", BANK, DAYS[0])
    second.add("B", BANK, DAYS[0])
    await first.save()
    await second.save()
    assert second.known_count == 2


async def test_what_another_version_wrote_is_forgotten(open_book: OpenBook, place: Place) -> None:
    await open_book()
    file = StoreFile(place, SymbolIndex())
    file.write_answer("details", LATEST, b"\xc1 other")
    file.close()
    assert (await open_book()).known_count == 0


async def test_without_a_store_a_book_lives_in_memory() -> None:
    store = Store(SymbolIndex())
    book = DetailsBook(store)
    await book.load()
    book.add("A", BANK, DAYS[0])
    await book.save()
    assert book.known_count == 1
    await store.close()


def test_shares_are_restated_for_splits_between_the_answer_and_the_session() -> None:
    revision = Revision(to_day_number(DAYS[10]), told(100.0))
    splits = tuple(Split("A", to_day_number(DAYS[day]), 1, ratio) for day, ratio in ((10, 7), (11, 2), (30, 3)))
    assert revision.shares(splits, DAYS[29]) == 200.0
    assert revision.shares(splits, DAYS[30]) == 600.0
    assert math.isnan(Revision(0, told(NAN)).shares(splits, LATEST))


@pytest.fixture
async def make_bars() -> AsyncIterator[Callable[..., Bars]]:
    made: list[Bars] = []

    def make(source: FakeSource, book: AttributeBook | None = None) -> Bars:
        store = Store(source.index)
        stored = StoredSource(source, store, book)
        made.append(Bars(stored, source.index, SessionCache(10**8), store, early_sessions=4))
        return made[-1]

    yield make
    for bars in made:
        await bars.close()


def bare(*symbols: str) -> Callable[[], Coroutine[Any, Any, tuple[Listing, ...]]]:
    """Give a list that knows nothing but symbols."""

    async def listings() -> tuple[Listing, ...]:
        return tuple(Listing(symbol, "", SymbolType.UNKNOWN, "", "", NAN) for symbol in symbols)

    return listings


async def listed(bars: Bars, count: int = 40) -> dict[str, Listing]:
    """Return the list of the newest session, by symbol."""
    found = await bars.listed(LATEST, count, until=asyncio.get_running_loop().time() + 5)
    return {listing.symbol: listing for listing in found.listings}


async def test_details_fill_what_the_list_does_not_say(make_bars: Callable[..., Bars]) -> None:
    source = FakeSource(SymbolIndex())
    source.listings = bare("A", "BB", "CCC")  # type: ignore[method-assign]  # knows nothing
    bars = make_bars(source)
    bars.details.add("A", BANK, DAYS[-2])
    bars.details.add("GONE", BANK, DAYS[-2])
    found = await listed(bars)
    close = bar("A", LATEST)[3]
    assert found["A"] == Listing("A", "", SymbolType.COMMON, "XNYS", "Finance", 1000.0 * close)
    assert found["BB"].type is SymbolType.UNKNOWN
    assert math.isnan(found["BB"].market_cap)
    assert set(found) == {"A", "BB", "CCC"}
    assert source.asked["details A"] == 0


async def test_list_and_file_count_before_details(make_bars: Callable[..., Bars]) -> None:
    known = Attributes("", SymbolType.ETF, "", "Energy", 5.0)
    bars = make_bars(FakeSource(SymbolIndex()), AttributeBook({"A": known}))
    bars.details.add("A", BANK, DAYS[-2])
    found = (await listed(bars))["A"]
    assert (found.type, found.exchange, found.sector, found.market_cap) == (SymbolType.ETF, "XNAS", "Energy", 5.0)


async def test_a_market_cap_is_of_the_shares_after_the_splits(make_bars: Callable[..., Bars]) -> None:
    source = FakeSource(SymbolIndex())
    source.known_splits = tuple(Split("A", to_day_number(DAYS[place]), 1, 10) for place in (-2, -1))
    bars = make_bars(source)
    bars.details.add("A", BANK, DAYS[-2])
    assert (await listed(bars))["A"].market_cap == 10_000.0 * bar("A", LATEST)[3]


async def test_shares_from_before_the_known_splits_make_no_market_cap(make_bars: Callable[..., Bars]) -> None:
    bars = make_bars(FakeSource(SymbolIndex()))
    bars.details.add("A", BANK, DAYS[-6])
    bars.details.add("BB", BANK, DAYS[-5])
    found = await listed(bars, count=4)
    assert math.isnan(found["A"].market_cap)
    assert found["A"].sector == "Finance"
    assert found["BB"].market_cap > 0


async def test_a_short_window_costs_a_longer_one_no_market_cap(make_bars: Callable[..., Bars]) -> None:
    bars = make_bars(FakeSource(SymbolIndex()))
    bars.details.add("A", BANK, DAYS[-6])
    assert math.isnan((await listed(bars, count=4))["A"].market_cap)
    assert (await listed(bars))["A"].market_cap > 0


async def test_without_splits_there_are_no_market_caps_until_they_come(make_bars: Callable[..., Bars]) -> None:
    source = FakeSource(SymbolIndex())
    fine = source.splits

    async def fail(first: date) -> tuple[Split, ...]:
        raise ProviderUnavailableError(f"down, from {first}")

    source.splits = fail  # type: ignore[method-assign]  # for a while
    bars = make_bars(source)
    bars.details.add("A", BANK, DAYS[-2])
    assert math.isnan((await listed(bars))["A"].market_cap)
    source.splits = fine  # type: ignore[method-assign]  # and back
    assert (await listed(bars))["A"].market_cap > 0


async def test_details_that_come_later_change_no_list_of_a_session_that_is_over(make_bars: Callable[..., Bars]) -> None:
    bars = make_bars(FakeSource(SymbolIndex()))
    bars.details.add("A", BANK, DAYS[-2])
    before = await listed(bars)
    bars.details.add("A", told(7.0), LATEST)
    bars.details.add("BB", BANK, LATEST)
    after = await listed(bars)
    assert after["A"] is before["A"]
    assert after["BB"] is before["BB"]


async def test_an_order_is_kept_while_details_come_in(make_bars: Callable[..., Bars]) -> None:
    bars = make_bars(FakeSource(SymbolIndex()))
    until = asyncio.get_running_loop().time() + 5
    first = await bars.listed(LATEST, 5, until=until)
    bars.details.add("A", BANK, LATEST)
    assert (await bars.listed(LATEST, 5, until=until)).listings is first.listings
