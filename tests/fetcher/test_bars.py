"""The fetcher's core over a source made by hand: what is asked, what comes out, and what happens when it fails."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from datetime import date

import numpy as np
import pytest

from services.fetcher.bars import Bars
from services.fetcher.cache import SessionCache
from services.fetcher.source import Pace
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.stream_events import BarsVersion, EarlyPanel, Event, StreamRequest, StreamSummary, SymbolState
from services.fetcher.symbols import SymbolIndex
from services.fetcher.sync import SyncState
from services.market.adjust import Split
from services.market.early import fetch_order
from services.market.errors import InvalidRequestError, ProviderAuthError, ProviderUnavailableError
from services.market.panel import Panel
from services.market.sessions import sessions_ending, to_day_number
from services.market.vocabulary import Reason
from tests.fetcher.fake_source import LATEST, FakeSource, bar

HISTORY = 6
EARLY = 4
SESSIONS = sessions_ending(LATEST, HISTORY)


class Sink:
    """Takes what a stream emits."""

    def __init__(self) -> None:
        self.panels: list[Panel] = []
        self.omissions: dict[str, Reason] = {}
        self.states: list[SyncState] = []
        self.symbol_states: list[SymbolState] = []
        self.versions: list[str] = []
        self.early: list[Panel] = []
        self.summary: StreamSummary | None = None

    async def take(self, event: Event) -> None:
        """Sort an event to its kind."""
        if isinstance(event, Panel):
            self.panels.append(event)
        elif isinstance(event, SyncState):
            self.states.append(event)
        elif isinstance(event, SymbolState):
            self.symbol_states.append(event)
        elif isinstance(event, BarsVersion):
            self.versions.append(event.version)
        elif isinstance(event, EarlyPanel):
            self.early.append(event.panel)
        else:
            self.omissions.update(event)

    @property
    def symbols(self) -> list[str]:
        """Symbols of all blocks in their order."""
        return [symbol for panel in self.panels for symbol in panel.symbols]


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(SymbolIndex())


@pytest.fixture
async def make_bars(source: FakeSource) -> AsyncIterator[Callable[[], Bars]]:
    made: list[Bars] = []

    def make() -> Bars:
        store = Store(source.index)
        made.append(Bars(StoredSource(source, store), source.index, SessionCache(10**8), store, early_sessions=EARLY))
        return made[-1]

    yield make
    for bars in made:
        await bars.close()


@pytest.fixture
def bars(make_bars: Callable[[], Bars]) -> Bars:
    return make_bars()


async def stream(
    bars: Bars, symbols: tuple[str, ...], sink: Sink, *, seconds: float = 5.0, block_size: int = 2
) -> StreamSummary:
    """Stream `symbols` as of the newest session."""
    until = asyncio.get_running_loop().time() + seconds
    return await bars.stream(StreamRequest(symbols, until, block_size), LATEST, HISTORY, sink.take)


async def test_blocks_come_in_the_requested_order_with_every_bar(bars: Bars) -> None:
    sink = Sink()
    summary = await stream(bars, ("CCC", "A", "BB"), sink)
    assert [panel.symbols for panel in sink.panels] == [("CCC", "A"), ("BB",)]
    for panel in sink.panels:
        expected = [[bar(symbol, session) for symbol in panel.symbols] for session in SESSIONS]
        assert panel.bars.transpose(1, 2, 0).tolist() == np.array(expected).tolist()
        assert panel.session_fetched.all()
    assert (summary.ready_count, summary.wanted_count) == (HISTORY, HISTORY)


async def test_sessions_are_asked_once_early_ones_first_within_the_concurrency(bars: Bars, source: FakeSource) -> None:
    await stream(bars, ("A",), Sink())
    await stream(bars, ("BB",), Sink())
    assert source.order == list(fetch_order(SESSIONS, EARLY))
    assert source.most_in_flight <= source.concurrency


async def test_two_streams_at_once_share_one_flight_a_session(bars: Bars, source: FakeSource) -> None:
    await asyncio.gather(stream(bars, ("A",), Sink()), stream(bars, ("BB",), Sink()))
    assert all(source.asked[session] == 1 for session in SESSIONS)
    assert source.asked["splits"] == 1


async def test_splits_restate_the_bars_before_them_only(bars: Bars, source: FakeSource) -> None:
    twice = Split("A", to_day_number(SESSIONS[3]), 1, 4)
    future = Split("BB", to_day_number(LATEST) + 5, 1, 2)
    source.known_splits = (twice, twice, future)
    sink = Sink()
    await stream(bars, ("A", "BB"), sink)
    raw = np.array([[bar(symbol, session) for symbol in ("A", "BB")] for session in SESSIONS])
    assert sink.panels[0].close[:3, 0].tolist() == (raw[:3, 0, 3] / 4).tolist()
    assert sink.panels[0].volume[:3, 0].tolist() == (raw[:3, 0, 4] * 4).tolist()
    assert sink.panels[0].close[3:, 0].tolist() == raw[3:, 0, 3].tolist()
    assert sink.panels[0].close[:, 1].tolist() == raw[:, 1, 3].tolist()


async def test_symbols_without_bars_are_repaired_or_omitted_by_name(bars: Bars, source: FakeSource) -> None:
    source.single, source.listed = ("LATE",), ("A", "BB", "CCC", "LATE", "NEVER")
    sink = Sink()
    summary = await stream(bars, ("LATE", "A", "NEVER", "NOSUCH"), sink)
    assert summary.plan.reason.endswith("; 3 symbols that no session has, one by one")
    assert summary.plan.symbols == ("LATE", "NEVER", "NOSUCH")
    assert sink.symbols == ["A", "LATE"]
    assert sink.omissions == {"NEVER": Reason.NO_DATA, "NOSUCH": Reason.UNKNOWN_SYMBOL}
    again = Sink()
    summary = await stream(bars, ("LATE", "A", "NEVER", "NOSUCH"), again)
    assert (summary.plan.reason, summary.plan.symbols) == ("every session that can be asked for is there", ())
    assert again.omissions == sink.omissions
    assert sorted(again.symbols) == sorted(sink.symbols)
    assert (source.asked["LATE"], source.asked["NEVER"], source.asked["NOSUCH"]) == (1, 1, 1)


async def test_a_symbol_without_bars_is_not_asked_for_again_by_the_next_session(bars: Bars, source: FakeSource) -> None:
    until = asyncio.get_running_loop().time() + 5
    for as_of, asked in ((SESSIONS[-2], 1), (SESSIONS[-1], 1), (SESSIONS[-3], 2)):
        sink = Sink()
        await bars.stream(StreamRequest(("A", "GONE"), until, 2), as_of, HISTORY, sink.take)
        assert sink.omissions == {"GONE": Reason.UNKNOWN_SYMBOL}
        assert source.asked["GONE"] == asked


async def test_single_symbols_may_come_while_the_others_are_on_their_way_up(bars: Bars, source: FakeSource) -> None:
    source.single, source.listed = ("LATE",), ("A", "LATE")
    await stream(bars, ("A",), Sink())
    now = asyncio.get_running_loop().time()
    for repair_until, expected in ((0.0, ["A"]), (now + 5, ["A", "LATE"])):
        sink = Sink()
        request = StreamRequest(("A", "LATE"), now, 2, repair_until=repair_until)
        await bars.stream(request, LATEST, HISTORY, sink.take)
        assert sink.symbols == expected
        assert sink.omissions == ({"LATE": Reason.BUDGET_SPENT} if len(expected) == 1 else {})


async def test_a_session_that_lands_between_two_blocks_is_in_neither(bars: Bars, source: FakeSource) -> None:
    source.failures[SESSIONS[0]] = [ProviderUnavailableError("down")] * 100
    landing = await FakeSource(source.index).session_bars(SESSIONS[0])

    class Late(Sink):
        async def take(self, event: Event) -> None:
            await super().take(event)
            if isinstance(event, Panel):
                bars.cache.put(landing)

    sink, until = Late(), asyncio.get_running_loop().time() + 0.5
    summary = await bars.stream(StreamRequest(("A", "BB", "CCC"), until, 1), LATEST, HISTORY, sink.take)
    assert [panel.symbols for panel in sink.panels] == [("A",), ("BB",), ("CCC",)]
    for panel in sink.panels:
        assert panel.session_fetched.tolist() == [False] + [True] * (HISTORY - 1)
        assert np.isnan(panel.bars[:, 0]).all()
    assert summary.ready_count == HISTORY - 1


async def test_more_lacking_symbols_than_the_plan_affords_are_not_asked_for(bars: Bars, source: FakeSource) -> None:
    source.repair_limit = 1
    sink = Sink()
    await stream(bars, ("A", "X", "Y"), sink)
    assert sink.omissions == {"X": Reason.UNKNOWN_SYMBOL, "Y": Reason.UNKNOWN_SYMBOL}
    assert source.asked["X"] == source.asked["Y"] == 0


async def test_a_session_that_failed_is_asked_again(bars: Bars, source: FakeSource) -> None:
    source.failures[SESSIONS[2]] = [ProviderUnavailableError("once"), ProviderUnavailableError("twice")]
    sink = Sink()
    summary = await stream(bars, ("A",), sink)
    assert summary.ready_count == HISTORY
    assert source.asked[SESSIONS[2]] == 3


async def test_a_hole_before_the_newest_sessions_goes_out_as_not_fetched(bars: Bars, source: FakeSource) -> None:
    source.failures[SESSIONS[0]] = [ProviderUnavailableError("down")] * 100
    sink = Sink()
    summary = await stream(bars, ("A",), sink, seconds=0.5)
    assert sink.panels[0].session_fetched.tolist() == [False] + [True] * (HISTORY - 1)
    assert np.isnan(sink.panels[0].close[0]).all()
    assert summary.ready_count == HISTORY - 1


async def early_stream(source: FakeSource, *, include_early: bool = True) -> Sink:
    """Stream two symbols while a session that does not come early fails a few times."""
    source.failures = {SESSIONS[1]: [ProviderUnavailableError("down")] * 2}
    store, sink = Store(source.index), Sink()
    bars = Bars(StoredSource(source, store), source.index, SessionCache(10**8), store, early_sessions=EARLY)
    until = asyncio.get_running_loop().time() + 5
    try:
        request = StreamRequest(("BB", "A"), until, 1, include_early=include_early)
        sink.summary = await bars.stream(request, LATEST, HISTORY, sink.take)
    finally:
        await bars.close()
    return sink


async def test_early_sessions_go_out_once_where_the_others_take_long(source: FakeSource) -> None:
    source.known_splits = (Split("A", to_day_number(SESSIONS[3]), 1, 2),)
    source.pace = Pace("", 2.0)
    sink = await early_stream(source)
    assert [panel.symbols for panel in sink.early] == [("BB",), ("A",)]
    assert sink.symbols == ["BB", "A"]
    for early, final in zip(sink.early, sink.panels, strict=True):
        assert early.session_fetched.tolist() == [True, False, *[True] * EARLY]
        assert final.session_fetched.all()
        assert np.isnan(early.bars[:, 1]).all()
        there = early.session_fetched
        assert early.bars[:, there].tobytes() == final.bars[:, there].tobytes()
    assert sink.summary is not None
    assert sink.summary.ready_count == HISTORY


async def test_nothing_goes_out_early_that_comes_soon_or_was_not_asked_for(source: FakeSource) -> None:
    assert (await early_stream(source)).early == []
    source.pace = Pace("", 2.0)
    assert (await early_stream(source, include_early=False)).early == []


async def test_a_provider_that_stays_down_is_asked_until_the_deadline_and_then_an_error(
    bars: Bars, source: FakeSource
) -> None:
    source.failures = {session: [ProviderUnavailableError("down")] * 100 for session in SESSIONS}
    with pytest.raises(ProviderUnavailableError, match="down"):
        await stream(bars, ("A",), Sink(), seconds=0.5)
    # Paced: a failure is not asked about again at once.
    assert all(2 <= source.asked[session] <= 4 for session in SESSIONS)


async def test_a_refused_key_ends_everything_at_once(bars: Bars, source: FakeSource) -> None:
    source.failures = {session: [ProviderAuthError("the key is refused")] for session in SESSIONS}
    with pytest.raises(ProviderAuthError):
        await stream(bars, ("A",), Sink(), seconds=60)
    assert max(source.asked[session] for session in SESSIONS) == 1


async def test_a_deadline_sends_what_is_there_and_the_sync_goes_on(bars: Bars, source: FakeSource) -> None:
    source.hold = asyncio.Event()
    sink = Sink()
    summary = await stream(bars, ("A",), sink, seconds=0.01)
    assert (summary.ready_count, sink.panels) == (0, [])
    source.hold.set()
    await stream(bars, ("A",), sink)
    assert sink.symbols == ["A"]
    assert all(source.asked[session] == 1 for session in SESSIONS)


async def test_closing_ends_all_flights(make_bars: Callable[[], Bars], source: FakeSource) -> None:
    source.hold = asyncio.Event()
    bars = make_bars()
    await stream(bars, ("A",), Sink(), seconds=0.01)
    await bars.close()
    assert source.in_flight == 0
    assert source.closed


async def test_the_list_is_ordered_by_liquidity_then_symbol(bars: Bars, source: FakeSource) -> None:
    source.listed = ("ZZ", "A", "CCC", "YY", "BB")
    listed = await bars.listed(LATEST, HISTORY, until=math.inf)
    assert [listing.symbol for listing in listed.listings] == ["CCC", "BB", "A", "YY", "ZZ"]
    assert listed.hit_count == 0
    await stream(bars, ("A",), Sink())
    assert (await bars.listed(LATEST, HISTORY, until=math.inf)).hit_count == HISTORY
    assert source.asked["listings"] == 1


@pytest.mark.parametrize(
    ("as_of", "text"),
    [
        ("2025-10-01", "newest completed session is 2025-09-30"),
        ("2025-09-28", "the one before is 2025-09-26"),
        ("yesterday", "is not a date"),
        ("1812-01-01", "outside the trading calendar, which covers 2000-01-03"),
    ],
)
async def test_an_as_of_that_cannot_be_says_what_can(bars: Bars, as_of: str, text: str) -> None:
    with pytest.raises(InvalidRequestError, match=text):
        bars.resolve(as_of)


async def test_as_of_is_the_newest_session_unless_named(bars: Bars) -> None:
    assert bars.resolve("") == LATEST
    assert bars.resolve("2025-09-26") == date(2025, 9, 26)


@pytest.mark.parametrize("count", [0, -1, 2001])
async def test_a_history_out_of_bounds_is_refused(bars: Bars, count: int) -> None:
    with pytest.raises(InvalidRequestError, match="history_count"):
        await bars.stream(StreamRequest(("A",), 0.0, 1), LATEST, count, Sink().take)


async def test_a_window_larger_than_the_memory_completes_and_leaves(source: FakeSource) -> None:
    store, cache = Store(source.index), SessionCache(1)
    bars = Bars(StoredSource(source, store), source.index, cache, store, early_sessions=EARLY)
    first, second = Sink(), Sink()
    try:
        assert (await stream(bars, ("A", "BB"), first)).ready_count == HISTORY
        assert len(cache) == 0
        assert cache.eviction_count == HISTORY
        assert (await stream(bars, ("A", "BB"), second)).ready_count == HISTORY
    finally:
        await bars.close()
    assert all(source.asked[session] == 2 for session in SESSIONS)
    assert first.panels[0].bars.tobytes() == second.panels[0].bars.tobytes()
    assert not np.isnan(first.panels[0].bars).any()
