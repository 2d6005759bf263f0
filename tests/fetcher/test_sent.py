"""Versions of blocks: what somebody has is not sent again, and whatever changes it makes it another version."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from services.fetcher.bars import Bars
from services.fetcher.cache import SessionCache
from services.fetcher.sent import SENT_LIMIT, Inputs, SentBlocks
from services.fetcher.source import SessionBars
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.stream_events import StreamRequest
from services.fetcher.symbols import SymbolIndex
from services.fetcher.window import Window
from services.market.adjust import Split
from services.market.sessions import sessions_ending, to_day_number
from services.market.vocabulary import Reason
from tests.fetcher.fake_source import LATEST, FakeSource
from tests.fetcher.test_bars import Sink

HISTORY = 6
SESSIONS = sessions_ending(LATEST, HISTORY)
SYMBOLS = ("A", "LONE", "BB", "GONE")


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(SymbolIndex(), single=("LONE",), listed=("A", "BB", "LONE"))


@pytest.fixture
async def bars(source: FakeSource) -> AsyncIterator[Bars]:
    store = Store(source.index)
    made = Bars(StoredSource(source, store), source.index, SessionCache(10**8), store, early_sessions=4)
    yield made
    await made.close()


async def stream(bars: Bars, known: str = "", symbols: tuple[str, ...] = SYMBOLS, history: int = HISTORY) -> Sink:
    """Stream symbols, knowing a version."""
    sink = Sink()
    until = asyncio.get_running_loop().time() + 5
    await bars.stream(StreamRequest(symbols, until, 1, known), LATEST, history, sink.take)
    return sink


async def test_blocks_that_are_known_are_left_out_and_the_rest_comes(bars: Bars) -> None:
    first = await stream(bars)
    assert first.symbols == ["A", "BB", "LONE"]
    again = await stream(bars, first.versions[0])
    # A symbol that no session had is no part of the version.
    assert again.symbols == ["LONE"]
    assert again.versions == first.versions
    assert again.omissions == first.omissions == {"GONE": Reason.UNKNOWN_SYMBOL}


async def test_a_version_is_the_same_for_all_who_ask_for_the_same(bars: Bars) -> None:
    assert (await stream(bars)).versions == (await stream(bars)).versions


async def test_another_request_is_another_version(bars: Bars) -> None:
    (known,) = (await stream(bars)).versions
    for other in (await stream(bars, known, SYMBOLS[::-1]), await stream(bars, known, history=HISTORY - 1)):
        assert other.versions != [known]
        assert {"A", "BB"} <= set(other.symbols)


async def test_bars_that_came_anew_are_sent(bars: Bars, source: FakeSource) -> None:
    (known,) = (await stream(bars)).versions
    column = np.array([source.index.column_of("BB")], np.int32)
    bars.cache.put(SessionBars(SESSIONS[2], column, np.full((5, 1), 7.0), 0))
    again = await stream(bars, known)
    assert again.versions != [known]
    assert again.panels[1].close[2].tolist() == [7]
    bars.cache.drop(SESSIONS[3])
    assert (await stream(bars, again.versions[0])).symbols == ["A", "BB", "LONE"]


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    sent = SentBlocks()
    inputs = [Inputs((f"S{number}",), Window(SESSIONS, {}), (1,) * HISTORY) for number in range(SENT_LIMIT + 1)]
    for one in inputs[:-1]:
        sent.add(one, ())
    assert sent.find(inputs[0])
    sent.add(inputs[-1], ())
    assert sent.find(inputs[1]) is None
    assert sent.find(inputs[0])


def test_versions_mean_nothing_to_another_process() -> None:
    inputs = Inputs(("A",), Window(SESSIONS, {}), (1,) * HISTORY)
    assert SentBlocks().add(inputs, ()).version != SentBlocks().add(inputs, ()).version


@pytest.mark.parametrize(
    "other",
    [
        Window(SESSIONS, {"A": (Split("A", to_day_number(SESSIONS[3]), 1, 2),)}),
        Window(SESSIONS, {}, suspects=frozenset("A")),
        Window(SESSIONS, {}, unreachable=frozenset(SESSIONS[:1])),
    ],
    ids=["splits", "suspects", "unreachable"],
)
def test_what_is_laid_over_the_bars_makes_another_version(other: Window) -> None:
    sent = SentBlocks()
    sent.add(Inputs(("A",), Window(SESSIONS, {}), (1,) * HISTORY), ())
    assert sent.find(Inputs(("A",), Window(SESSIONS, {}), (1,) * HISTORY)) is not None
    assert sent.find(Inputs(("A",), other, (1,) * HISTORY)) is None
