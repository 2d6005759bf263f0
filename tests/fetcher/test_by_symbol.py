"""Streams whose bars come one symbol at a time: the same bars as from whole sessions, in fewer calls."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from services.fetcher.bars import Bars
from services.fetcher.cache import SessionCache
from services.fetcher.source import Listing, Pace, SessionBars
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.stream_events import StreamRequest
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.errors import MalformedAnswerError, ProviderAuthError, ProviderUnavailableError
from services.market.sessions import sessions_ending, to_day_number
from services.market.vocabulary import Flag, Reason
from tests.fetcher.fake_source import LATEST, FakeSource, bar
from tests.fetcher.test_bars import Sink

HISTORY = 40
SESSIONS = sessions_ending(LATEST, HISTORY)
SYMBOLS = ("CCC", "A", "BB")
EVERY_CALL = {LATEST, *SYMBOLS, "listings", "splits"}


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(SymbolIndex(), pace=Pace("advanced", 0.0))


@pytest.fixture
async def bars(source: FakeSource) -> AsyncIterator[Bars]:
    made = fetcher(source)
    yield made
    await made.close()


def fetcher(source: FakeSource) -> Bars:
    store = Store(source.index)
    return Bars(StoredSource(source, store), source.index, SessionCache(10**8), store, early_sessions=30)


async def stream(bars: Bars, symbols: tuple[str, ...], *, seconds: float = 5.0, history: int = HISTORY) -> Sink:
    """Stream symbols as a scan does: the list first."""
    sink = Sink()
    until = asyncio.get_running_loop().time() + seconds
    await bars.listed(LATEST, history, until=until, symbol_count=len(symbols))
    sink.summary = await bars.stream(StreamRequest(symbols, until, 2), LATEST, history, sink.take)
    return sink


async def test_a_few_symbols_take_a_call_each_and_one_for_the_newest_session(bars: Bars, source: FakeSource) -> None:
    sink = await stream(bars, SYMBOLS)
    assert set(source.asked) == EVERY_CALL
    assert set(source.asked.values()) == {1}
    assert sink.symbols == list(SYMBOLS)
    for panel in sink.panels:
        expected = [[bar(symbol, session) for symbol in panel.symbols] for session in SESSIONS]
        assert panel.bars.transpose(1, 2, 0).tolist() == np.array(expected).tolist()
        assert panel.session_fetched.all()
    assert sink.summary is not None
    assert (sink.summary.ready_count, sink.summary.wanted_count) == (HISTORY, HISTORY)
    assert sink.summary.plan.reason == "3 symbols one by one, not 39 sessions of the whole market"


async def test_what_came_by_symbol_is_not_asked_for_again(bars: Bars, source: FakeSource) -> None:
    await stream(bars, SYMBOLS)
    again = await stream(bars, SYMBOLS)
    assert set(source.asked.values()) == {1}
    assert again.symbols == list(SYMBOLS)


async def test_both_ways_give_the_same_bits_and_flags() -> None:
    known = (Split("A", to_day_number(SESSIONS[20]), 1, 3), Split("BB", to_day_number(SESSIONS[7]), 10, 1))
    sinks = []
    for others in ((), tuple(f"X{number}" for number in range(HISTORY))):
        source = FakeSource(SymbolIndex(), pace=Pace("advanced", 0.0), known_splits=known, repair_limit=0)
        # The provider makes something else of BB than its split says.
        odd = np.array([bar(symbol, SESSIONS[0]) for symbol in source.traded]).T
        odd[:4, 0] /= 3
        source.restated[SESSIONS[0]] = SessionBars(SESSIONS[0], source.index.add(source.traded), odd, 0)
        made = fetcher(source)
        sinks.append(await stream(made, (*SYMBOLS, *others)))
        await made.close()
    one, whole = ({s: (p, n) for p in sink.panels for n, s in enumerate(p.symbols)} for sink in sinks)
    for symbol in SYMBOLS:
        (panel, n), (other, m) = one[symbol], whole[symbol]
        assert panel.bars[:, :, n].tobytes() == other.bars[:, :, m].tobytes()
        flags = [int(part.flags[place]) if len(part.flags) else 0 for part, place in ((panel, n), (other, m))]
        assert flags[0] == flags[1] == (int(Flag.SUSPECT_DATA) if symbol == "BB" else 0)


async def test_symbols_without_bars_are_omitted_by_name(bars: Bars, source: FakeSource) -> None:
    source.listed = ("A", "QUIET")
    source.failures = {"BB": [ProviderUnavailableError("no")], "CCC": [MalformedAnswerError("what?")]}
    sink = await stream(bars, ("A", "QUIET", "NOSUCH", "BB", "CCC"))
    assert sink.symbols == ["A"]
    assert sink.omissions == {
        "QUIET": Reason.NO_DATA,
        "NOSUCH": Reason.UNKNOWN_SYMBOL,
        "BB": Reason.PROVIDER_UNAVAILABLE,
        "CCC": Reason.MALFORMED_ANSWER,
    }


async def test_a_refused_key_ends_the_stream(bars: Bars, source: FakeSource) -> None:
    source.failures = {symbol: [ProviderAuthError("the key is refused")] for symbol in SYMBOLS}
    with pytest.raises(ProviderAuthError):
        await stream(bars, SYMBOLS)


async def test_the_first_symbols_come_first_and_late_ones_are_told(source: FakeSource) -> None:
    source.concurrency = 1
    made = fetcher(source)
    sink = await stream(made, ("BB", "CCC", "A"))
    assert [asked for asked in source.order if isinstance(asked, str)] == ["BB", "CCC", "A"]
    assert sink.omissions == {}
    source.hold = asyncio.Event()
    late = await stream(made, ("BB", "A", "NEW"), seconds=0.5)
    assert late.symbols == ["BB", "A"]
    assert late.omissions == {"NEW": Reason.BUDGET_SPENT}
    assert late.symbol_states[-1].ready_count == 2
    await made.close()


async def test_a_cancelled_stream_leaves_no_call_of_its_own(bars: Bars, source: FakeSource) -> None:
    await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 5, symbol_count=3)
    source.hold = asyncio.Event()
    before = asyncio.all_tasks()
    until = asyncio.get_running_loop().time() + 60
    streaming = asyncio.create_task(
        bars.stream(StreamRequest(SYMBOLS, until, 2), LATEST, HISTORY, Sink().take), name="ours"
    )
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert source.asked["CCC"] == 1
    streaming.cancel()
    async with asyncio.timeout(0.1):
        await asyncio.gather(streaming, return_exceptions=True)
    assert not [task for task in asyncio.all_tasks() - before if "split check" not in task.get_name()]


async def test_history_before_that_of_the_plan_is_a_hole_and_not_an_error(source: FakeSource) -> None:
    source.history_begins = SESSIONS[5]
    source.pace = Pace("basic", 0.0)
    made = fetcher(source)
    for symbols in (SYMBOLS, (*SYMBOLS, *(f"X{number}" for number in range(HISTORY)))):
        sink = await stream(made, symbols)
        assert sink.panels[0].session_fetched.tolist() == [False] * 5 + [True] * (HISTORY - 5)
        assert sink.summary is not None
        assert (sink.summary.ready_count, sink.summary.wanted_count) == (HISTORY - 5, HISTORY)
        assert "5 sessions before" in sink.summary.plan.reason
    assert not set(SESSIONS[:5]) & set(source.asked)
    await made.close()


async def test_market_caps_and_order_are_those_of_the_newest_session(bars: Bars, source: FakeSource) -> None:
    listed = await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 5, symbol_count=2)
    assert [one.symbol for one in listed.listings] == ["CCC", "BB", "A"]
    assert all(isinstance(one, Listing) for one in listed.listings)
    assert source.asked[LATEST] == 1
    assert not set(SESSIONS[:-1]) & set(source.asked)
