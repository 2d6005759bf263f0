"""The fetcher's core over a store: what is asked a second time, and what happens when the disk does not play along."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from services.fetcher.bars import Bars
from services.fetcher.cache import SessionCache
from services.fetcher.source import Pace, SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.store.inspection import Verified
from services.fetcher.store.layout import Place
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.stream_events import StreamRequest
from services.fetcher.symbols import SymbolIndex
from services.fetcher.sync import READING, SyncState
from services.market.adjust import Split
from services.market.errors import BudgetSpentError, InvalidRequestError, LocalDataError, ProviderUnavailableError
from services.market.sessions import close_time, nearest_session, sessions_ending, to_day_number
from tests.fetcher.fake_source import LATEST, FakeSource
from tests.fetcher.small_disk import small_disk
from tests.fetcher.store_view import content, revision
from tests.fetcher.test_bars import EARLY, HISTORY, SESSIONS, Sink, stream

DAY = to_day_number(SESSIONS[2])
SYMBOLS = ("CCC", "A", "BB", "LATE", "NEVER")
Open = Callable[..., Awaitable[tuple[Bars, FakeSource]]]


@pytest.fixture
def where(tmp_path: Path) -> Place:
    return Place(tmp_path / "bars.sqlite3", "simulated-1")


@pytest.fixture
async def opened(where: Place) -> AsyncIterator[Open]:
    """Opens fetchers of their own on one store."""
    made: list[Bars] = []

    async def one(
        clock: Callable[[], float] = time.time, retention: int = 2000, **changes: object
    ) -> tuple[Bars, FakeSource]:
        source = FakeSource(SymbolIndex(), single=("LATE",), known_splits=(Split("A", to_day_number(LATEST), 1, 2),))
        for name, value in changes.items():
            setattr(source, name, value)
        store = Store(source.index, retention, clock)
        await store.open(where)
        made.append(Bars(StoredSource(source, store), source.index, SessionCache(10**8), store, early_sessions=EARLY))
        return made[-1], source

    yield one
    for bars in made:
        await bars.close()


async def synced(bars: Bars, *, seconds: float = 5.0) -> list[SyncState]:
    """Sync the window; return what was reported."""
    states: list[SyncState] = []

    async def report(state: SyncState) -> None:
        states.append(state)

    until = asyncio.get_running_loop().time() + seconds
    await bars.stored.run(LATEST, HISTORY, until=until, report=report)
    return states


async def scanned(bars: Bars) -> tuple[dict[str, list[float]], dict[str, object]]:
    """Return the bars by symbol and the omissions."""
    sink = Sink()
    await stream(bars, SYMBOLS, sink)
    found = {symbol: panel.bars[:, :, n].tolist() for panel in sink.panels for n, symbol in enumerate(panel.symbols)}
    return found, dict(sink.omissions)


async def test_cold_warm_and_hot_answers_are_equal_and_a_restart_asks_nothing(opened: Open) -> None:
    bars, source = await opened()
    await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 5)
    cold = await scanned(bars)
    hot = await scanned(bars)
    assert source.request_count == HISTORY + 3 + 2
    await bars.close()
    bars, source = await opened()
    listed = await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 5)
    warm = await scanned(bars)
    assert source.request_count == 0
    assert listed.hit_count == HISTORY
    assert cold == hot == warm
    assert set(cold[0]) == {"CCC", "A", "BB", "LATE"}


async def test_a_sync_fills_the_store_and_the_next_one_asks_nothing(opened: Open) -> None:
    bars, source = await opened()
    states = await synced(bars)
    assert (states[-1].ready_count, states[-1].wanted_count) == (HISTORY, HISTORY)
    assert source.request_count == HISTORY + 3
    await synced(bars)
    assert source.request_count == HISTORY + 3
    await bars.close()
    bars, source = await opened()
    await synced(bars)
    assert source.request_count == 0
    holes = await bars.stored.holes(HISTORY + 3)
    assert holes.missing == sessions_ending(LATEST, HISTORY + 3)[:3]
    assert holes.status.sessions == SESSIONS
    assert holes.status.symbol_count == 3


async def test_a_sync_goes_on_without_its_caller(opened: Open) -> None:
    hold = asyncio.Event()
    bars, source = await opened(hold=hold)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await synced(bars)
    assert source.in_flight > 0
    hold.set()
    await synced(bars)
    assert all(source.asked[session] == 1 for session in SESSIONS)


async def test_a_damaged_session_is_asked_for_again_and_stored_again(opened: Open, where: Place) -> None:
    bars, _ = await opened()
    whole = await scanned(bars)
    await bars.close()
    with closing(sqlite3.connect(where.path)) as db, db:
        db.execute("UPDATE sessions SET checksum = checksum + 1 WHERE day = ?", (to_day_number(SESSIONS[2]),))
    bars, source = await opened()
    assert await scanned(bars) == whole
    assert source.asked == {SESSIONS[2]: 1}
    await bars.close()
    bars, source = await opened()
    assert await scanned(bars) == whole
    assert source.request_count == 0


async def test_an_answer_that_another_version_wrote_is_asked_for_again(opened: Open, where: Place) -> None:
    bars, source = await opened()
    await synced(bars)
    await bars.close()
    file = StoreFile(where, SymbolIndex())
    file.write_answer(f"listings {LATEST}", LATEST, b"no listings")
    file.close()
    bars, source = await opened()
    await synced(bars)
    assert source.asked == {"listings": 1}


async def test_a_sync_that_failed_goes_on_where_it_was(opened: Open) -> None:
    bars, source = await opened(failures={SESSIONS[1]: [ProviderUnavailableError("down")] * 100})
    with pytest.raises(ProviderUnavailableError):
        await synced(bars, seconds=0.5)
    asked = source.request_count
    await bars.close()
    bars, source = await opened()
    await synced(bars)
    assert source.asked[SESSIONS[1]] == 1
    assert source.request_count < asked


async def test_a_sync_without_time_says_so_and_keeps_what_came(opened: Open) -> None:
    bars, _ = await opened(hold=asyncio.Event())
    with pytest.raises(BudgetSpentError, match="goes on from here"):
        await synced(bars, seconds=0.05)


async def test_a_next_session_costs_one_session_and_its_splits(opened: Open) -> None:
    bars, source = await opened(latest_session=lambda: SESSIONS[-2])
    until = asyncio.get_running_loop().time() + 5

    async def ignore(_: SyncState) -> None: ...

    await bars.stored.run(SESSIONS[-2], HISTORY - 1, until=until, report=ignore)
    await bars.close()
    bars, source = await opened()
    await synced(bars)
    assert source.asked == {LATEST: 1, "splits": 1, "adjusted": 1}


async def test_that_a_symbol_has_no_bars_is_believed_for_sessions_to_come(opened: Open) -> None:
    bars, source = await opened(latest_session=lambda: SESSIONS[-2], listed=("A", "NEVER"))
    until = asyncio.get_running_loop().time() + 5
    await bars.stream(StreamRequest(("A", "NEVER"), until, 1), SESSIONS[-2], HISTORY - 1, Sink().take)
    assert source.asked["NEVER"] == 1
    await bars.close()
    for newest, asked in ((LATEST, 0), (LATEST + timedelta(days=60), 1)):
        day = nearest_session(newest)
        bars, source = await opened(latest_session=lambda day=day: day)
        await bars.stream(StreamRequest(("A", "NEVER"), until, 1), day, HISTORY - 1, Sink().take)
        assert source.asked["NEVER"] == asked
        await bars.close()


@pytest.mark.parametrize("restarted", [False, True])
async def test_that_a_symbol_had_no_bars_long_ago_says_nothing_of_now(opened: Open, *, restarted: bool) -> None:
    past = nearest_session(LATEST - timedelta(days=100))
    bars, source = await opened(listed=("A", "LATE"), pace=Pace("basic", 0.001))
    until = asyncio.get_running_loop().time() + 5
    source.single = ()
    await bars.stream(StreamRequest(("LATE",), until, 1), past, HISTORY, Sink().take)
    assert source.asked["LATE"] == 1
    if restarted:
        await bars.close()
        bars, source = await opened(listed=("A", "LATE"), pace=Pace("basic", 0.001))
    source.single = ("LATE",)
    sink = Sink()
    await bars.stream(StreamRequest(("LATE",), until, 1), LATEST, HISTORY, sink.take)
    assert [panel.symbols for panel in sink.panels] == [("LATE",)]
    assert dict(sink.omissions) == {}


async def test_another_window_needs_no_splits_that_are_stored(opened: Open) -> None:
    bars, source = await opened()
    await synced(bars)
    await bars.close()
    bars, source = await opened()
    until = asyncio.get_running_loop().time() + 5
    sink = Sink()
    await bars.stream(StreamRequest(("A",), until, 1), LATEST, EARLY, sink.take)
    assert source.asked == {"adjusted": 1}
    assert np.isfinite(sink.panels[0].bars).all()


async def test_a_list_far_behind_is_used_and_said(opened: Open) -> None:
    early = sessions_ending(LATEST, 9)[0]
    bars, _ = await opened(latest_session=lambda: early, listed=("A", "OLD"))
    await bars.listed(early, HISTORY, until=asyncio.get_running_loop().time() + 5)
    await bars.close()
    bars, _ = await opened(listings=asyncio.Event().wait)
    listed = await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 5)
    assert [listing.symbol for listing in listed.listings] == ["A", "OLD"]
    assert listed.notices == (f"the reference list is of {early}, 8 sessions before: it lacks what was listed since",)


async def test_the_list_does_not_wait_behind_all_stored_sessions(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    long, until = 20 * READING, asyncio.get_running_loop().time() + 20
    bars, _ = await opened()
    await bars.listed(LATEST, long, until=until)
    await bars.stored.run(LATEST, long, until=until, report=_ignored)
    order: list[str] = []
    read, answer = StoreFile.read, StoreFile.answer

    def reading(file: StoreFile, session: date) -> SessionBars | None:
        order.append("session")
        return read(file, session)

    def answering(file: StoreFile, question: str) -> tuple[date, bytes] | None:
        order.append(question)
        return answer(file, question)

    monkeypatch.setattr(StoreFile, "read", reading)
    monkeypatch.setattr(StoreFile, "answer", answering)
    again, source = await opened()
    assert (await again.listed(LATEST, long, until=until)).listings
    assert source.request_count == 0
    asked = order.index(f"listings {LATEST}")
    assert order[:asked].count("session") <= 4 * READING


async def test_what_is_stored_about_symbols_is_there_before_the_first_scan_without_a_call(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = asyncio.get_running_loop().time() + 5
    bars, _ = await opened()
    await bars.listed(LATEST, HISTORY, until=until)
    again, source = await opened()
    asked: list[str] = []
    answer = StoreFile.answer

    def answering(file: StoreFile, question: str) -> tuple[date, bytes] | None:
        asked.append(question)
        return answer(file, question)

    monkeypatch.setattr(StoreFile, "answer", answering)
    await again.recall()
    assert (asked.count(f"listings {LATEST}"), source.request_count) == (1, 0)
    assert (await again.listed(LATEST, 0, until=until)).listings
    assert asked.count(f"listings {LATEST}") == 1


async def _ignored(_: SyncState) -> None:
    """Take progress."""


async def test_without_any_list_the_symbols_are_those_that_traded(opened: Open) -> None:
    bars, _ = await opened(listings=asyncio.Event().wait, traded=("A", "BACpB"), pace=Pace("basic", 12.0))
    listed = await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 0.5)
    assert {listing.symbol: listing.type.name for listing in listed.listings} == {"A": "UNKNOWN", "BACpB": "PREFERRED"}
    assert "did not come in time" in listed.notices[0]
    assert listed.is_stand_in


async def test_a_caller_without_time_for_it_gets_no_list_of_what_traded(opened: Open) -> None:
    bars, _ = await opened(listings=asyncio.Event().wait, traded=("A", "BACpB"), pace=Pace("basic", 12.0))
    until = asyncio.get_running_loop().time() + 0.5
    listed = await bars.listed(LATEST, HISTORY, until=until, ends=until + 0.1)
    assert (listed.listings, listed.is_stand_in) == ((), True)
    assert "no symbol is known yet" in listed.notices[0]


async def test_with_neither_list_nor_bars_no_symbol_is_known_yet(opened: Open) -> None:
    bars, _ = await opened(listings=asyncio.Event().wait, hold=asyncio.Event())
    listed = await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 0.05)
    assert listed.listings == ()
    assert "no symbol is known yet" in listed.notices[0]


async def test_a_place_that_cannot_be_written_costs_the_store_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source = FakeSource(SymbolIndex())
    store = Store(source.index)
    await store.open(Place(tmp_path / "file" / "bars.sqlite3", "simulated-1"))
    bars = Bars(StoredSource(source, store), source.index, SessionCache(10**8), store, early_sessions=EARLY)
    sink = Sink()
    await stream(bars, ("A",), sink)
    assert sink.symbols == ["A"]
    with pytest.raises(LocalDataError, match="cannot be used"):
        await synced(bars)
    await bars.close()


async def test_a_disk_that_fills_up_costs_the_store_only(opened: Open) -> None:
    many = tuple(f"S{number}" for number in range(9_000))
    bars, source = await opened(traded=many)
    with small_disk(1 << 20):
        sink = Sink()
        await stream(bars, ("S1",), sink)
        assert sink.symbols == ["S1"]
        with pytest.raises(LocalDataError, match="cannot be read or written"):
            await synced(bars)
        await bars.close()
    bars, source = await opened(traded=many)
    states = await synced(bars)
    assert states[-1].ready_count == HISTORY
    assert 0 < source.request_count <= HISTORY + 3


async def test_without_a_store_there_is_nothing_to_sync() -> None:
    source = FakeSource(SymbolIndex())
    store = Store(source.index)
    bars = Bars(StoredSource(source, store), source.index, SessionCache(10**8), store, early_sessions=EARLY)
    with pytest.raises(LocalDataError, match="keeps no store"):
        await synced(bars)
    with pytest.raises(LocalDataError, match="keeps no store"):
        await bars.stored.holes(HISTORY)
    await bars.close()


@pytest.mark.parametrize(
    ("missing", "arrived", "elapsed_s", "eta_s"),
    [(293, 5, 0.5, 293 * 12.0), (10, 5, 100.0, 200.0), (10, 0, 3.0, 120.0), (0, 5, 1.0, None)],
)
def test_an_estimate_follows_the_plan_or_what_is_slower(
    missing: int, arrived: int, elapsed_s: float, eta_s: float | None
) -> None:
    assert Pace("basic", 12.0).eta_s(missing, arrived, elapsed_s) == eta_s


def test_nothing_is_estimated_from_nothing() -> None:
    assert Pace().eta_s(10, 0, 1.0) is None


CLOSE = close_time(LATEST).timestamp()
HOUR = 3600.0


async def test_a_session_that_came_early_is_asked_for_once_more_on_a_later_day(opened: Open, where: Place) -> None:
    clock = [CLOSE + HOUR]
    bars, source = await opened(lambda: clock[0])
    await synced(bars)
    await synced(bars)
    assert source.asked[LATEST] == 1
    before = await scanned(bars)
    clock[0] = CLOSE + 13 * HOUR
    source.corrected = {("BB", LATEST): 2.0}
    await scanned(bars)
    assert source.asked[LATEST] == 1
    states = await synced(bars)
    assert (states[-1].ready_count, states[-1].wanted_count) == (HISTORY, HISTORY)
    assert source.asked.total() == HISTORY + 3 + 2 + 1
    assert source.asked[LATEST] == 2
    count = source.request_count
    await synced(bars)
    assert source.request_count == count
    after = await scanned(bars)
    assert np.array_equal(np.array(after[0]["BB"])[:, -1], 2 * np.array(before[0]["BB"])[:, -1])
    assert {symbol for symbol in after[0] if after[0][symbol] != before[0][symbol]} == {"BB"}
    assert (await bars.stored.holes(HISTORY)).status.restated_count == 1
    await bars.close()
    bars, source = await opened(lambda: clock[0])
    assert await scanned(bars) == after
    assert source.request_count == 0
    assert revision(content(where.path)["revisions"][0])[0] == CLOSE + 13 * HOUR


async def test_a_provider_that_does_not_confirm_a_session_costs_no_sync(opened: Open) -> None:
    clock = [CLOSE + HOUR]
    bars, source = await opened(lambda: clock[0])
    await synced(bars)
    whole = await scanned(bars)
    clock[0] = CLOSE + 13 * HOUR
    source.failures = {LATEST: [ProviderUnavailableError("down")]}
    states = await synced(bars)
    assert states[-1].ready_count == HISTORY
    source.traded = ("A",)
    await synced(bars)
    assert await scanned(bars) == whole
    assert source.asked[LATEST] == 3


async def test_more_sessions_than_the_store_keeps_cannot_be_synced(opened: Open) -> None:
    bars, source = await opened(retention=HISTORY - 1)
    with pytest.raises(InvalidRequestError, match=f"{HISTORY} sessions .* keeps {HISTORY - 1}"):
        await synced(bars)
    assert source.request_count == 0


async def test_the_oldest_sessions_leave_but_none_that_is_being_synced(opened: Open) -> None:
    bars, _ = await opened(retention=HISTORY)
    await synced(bars)
    older = SESSIONS[-3]
    until = asyncio.get_running_loop().time() + 5
    states: list[SyncState] = []

    async def report(state: SyncState) -> None:
        states.append(state)

    await bars.stored.run(older, HISTORY, until=until, report=report)
    assert states[-1].ready_count == HISTORY
    found = (await bars.stored.holes(HISTORY)).status
    assert (len(found.sessions), found.retention) == (HISTORY + 2, HISTORY)


async def test_a_session_that_would_be_the_first_to_leave_is_not_kept(opened: Open) -> None:
    bars, source = await opened(retention=HISTORY - 2)
    await scanned(bars)
    found = (await bars.stored.holes(HISTORY)).status
    assert set(found.sessions) <= set(SESSIONS)
    assert len(found.sessions) == HISTORY - 2
    assert source.asked[SESSIONS[0]] == 1


async def test_sessions_that_another_process_stored_are_found_without_a_call(opened: Open) -> None:
    bars, source = await opened()
    assert (await bars.stored.holes(HISTORY)).missing == SESSIONS
    other, _ = await opened()
    await synced(other)
    listed = await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 5)
    await scanned(bars)
    assert listed.hit_count == HISTORY
    assert set(source.asked) <= {"LATE", "NEVER"}
    assert (await bars.stored.holes(HISTORY)).missing == ()


async def test_a_corrected_split_takes_the_place_of_the_old_one(opened: Open) -> None:
    bars, source = await opened(latest_session=lambda: SESSIONS[-2])
    sink = Sink()
    until = asyncio.get_running_loop().time() + 5
    await bars.stream(StreamRequest(("A",), until, 1), SESSIONS[-2], HISTORY - 1, sink.take)
    await bars.close()
    bars, source = await opened(known_splits=(Split("A", to_day_number(LATEST), 1, 4),))
    cold = await scanned(bars)
    assert source.asked["splits"] == 1
    await bars.close()
    bars, source = await opened(known_splits=())
    assert await scanned(bars) == cold
    assert source.asked["splits"] == 0


async def test_a_check_tells_how_far_it_is_and_what_it_put_aside(opened: Open, where: Place) -> None:
    bars, _ = await opened()
    await synced(bars)
    states: list[Verified] = []

    async def report(state: Verified) -> None:
        states.append(state)

    await bars.stored.verify(report)
    rows = HISTORY + 1 + 1 + 2 + 5
    assert states[-1] == Verified(rows, rows, (), done=True)
    assert [state.done for state in states[:-1]] == [False] * (len(states) - 1)
    with closing(sqlite3.connect(where.path)) as db, db:
        db.execute("UPDATE sessions SET bars = CAST(zeroblob(length(bars)) AS BLOB) WHERE day = ?", (DAY,))
    await bars.stored.verify(report)
    assert [row.name for row in states[-1].damaged] == [SESSIONS[2].isoformat()]
    holes = await bars.stored.holes(HISTORY)
    assert (holes.missing, holes.status.quarantined) == ((SESSIONS[2],), states[-1].damaged)
    await synced(bars)
    await bars.stored.verify(report)
    assert (states[-1].damaged, (await bars.stored.holes(HISTORY)).missing) == ((), ())


class BusyError(sqlite3.OperationalError):
    """Another process writes for too long."""

    sqlite_errorname = "SQLITE_BUSY"


def busy_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have a method of the file fail once."""
    method, failed = getattr(StoreFile, name), iter([True])

    def work(*arguments: object, **named: object) -> object:
        if next(failed, False):
            raise BusyError("database is locked")
        return method(*arguments, **named)

    monkeypatch.setattr(StoreFile, name, work)


async def test_a_session_whose_write_was_lost_is_asked_for_again(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    bars, source = await opened()
    busy_once(monkeypatch, "write")
    states = await synced(bars)
    assert states[-1].ready_count == HISTORY
    assert sum(source.asked[session] for session in SESSIONS) == HISTORY + 1


@pytest.mark.parametrize("name", ["every_key", "check", "sessions"])
async def test_a_check_that_could_not_look_does_not_say_that_all_is_well(
    opened: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bars, _ = await opened()
    await synced(bars)

    async def report(_: Verified) -> None: ...

    busy_once(monkeypatch, name)
    with pytest.raises(LocalDataError, match="busy"):
        await bars.stored.verify(report)
    await bars.stored.verify(report)


async def test_what_a_check_put_aside_is_missing_though_the_check_is_broken_off(
    opened: Open, where: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.store.inspection.TELL_S", 0.0)
    bars, source = await opened()
    await synced(bars)
    with closing(sqlite3.connect(where.path)) as db, db:
        db.execute("UPDATE sessions SET bars = CAST(zeroblob(length(bars)) AS BLOB) WHERE day = ?", (DAY,))

    # What others changed is known by now: nothing but the check tells of what it puts aside.
    await bars.stored.refresh()

    async def leave(state: Verified) -> None:
        if state.damaged:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await bars.stored.verify(leave)
    await synced(bars)
    assert source.asked[SESSIONS[2]] == 2


async def test_a_check_refuses_a_file_whose_pages_are_damaged(opened: Open, where: Place) -> None:
    bars, _ = await opened()
    await synced(bars)
    await bars.close()
    bars, _ = await opened()
    with where.path.open("r+b") as file:
        # The number of free pages in the header: no row tells of it.
        file.seek(36)
        file.write(b"\x00\x00\x00\x07")

    async def report(_: Verified) -> None: ...

    with pytest.raises(LocalDataError, match=r"is damaged \(Main freelist.* move it away"):
        await bars.stored.verify(report)
