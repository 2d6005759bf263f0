"""Our history against the provider's own adjusted bars: who is a suspect, and when the provider is asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from services.fetcher.bars import Bars
from services.fetcher.cache import SessionCache
from services.fetcher.source import Pace, SessionBars
from services.fetcher.split_check import SOON_DAYS, disagreeing
from services.fetcher.store.layout import Place
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.stream_events import StreamRequest
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.errors import ProviderUnavailableError, TechnicError
from services.market.sessions import sessions_ending, to_day_number
from services.market.vocabulary import Flag
from tests.fetcher.fake_source import LATEST, FakeSource, bar
from tests.fetcher.test_bars import Sink

HISTORY = 6
SESSIONS = sessions_ending(LATEST, HISTORY)
FIRST = SESSIONS[0]
DAY = to_day_number(SESSIONS[3])
SYMBOLS = ("A", "BB", "CCC")


@dataclass
class RestatingSource(FakeSource):
    """A source that restates closes by `factors`, by symbol; a failure in `check_failures` is raised once."""

    known_splits: tuple[Split, ...] = (Split("A", DAY, 1, 2),)
    factors: dict[str, float] = field(default_factory=lambda: {"A": 2.0})
    check_failures: list[TechnicError] = field(default_factory=list)
    check_hold: asyncio.Event | None = None
    newest: date = LATEST

    def latest_session(self) -> date:
        """Return the newest session."""
        return self.newest

    async def adjusted_bars(self, session: date) -> SessionBars:
        """Return the session's bars with prices over the factors."""
        self.asked[f"adjusted {session}"] += 1
        await (self.check_hold.wait() if self.check_hold else asyncio.sleep(0))
        if self.check_failures:
            raise self.check_failures.pop()
        values = np.array([bar(symbol, session) for symbol in self.traded]).T
        values[:4] = np.round(values[:4] / [self.factors.get(symbol, 1.0) for symbol in self.traded], 4)
        return SessionBars(session, self.index.add(self.traded), values, refused_count=0)


Open = Callable[..., Awaitable[tuple[Bars, RestatingSource]]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens fetchers of their own on one store."""
    made: list[Bars] = []

    async def one(**changes: object) -> tuple[Bars, RestatingSource]:
        source = RestatingSource(SymbolIndex())
        for name, value in changes.items():
            setattr(source, name, value)
        store = Store(source.index)
        await store.open(Place(tmp_path / "bars.sqlite3", "simulated-1"))
        made.append(Bars(StoredSource(source, store), source.index, SessionCache(1 << 30), store, early_sessions=4))
        return made[-1], source

    yield one
    for bars in made:
        await bars.close()


async def suspects(bars: Bars, as_of: date = LATEST, history: int = HISTORY, *, seconds: float = 5.0) -> set[str]:
    """Scan, and return the symbols that are flagged."""
    sink = Sink()
    until = asyncio.get_running_loop().time() + seconds
    await bars.stream(StreamRequest(SYMBOLS, until, 2), as_of, history, sink.take)
    flagged = {
        symbol
        for panel in sink.panels
        for symbol, flags in zip(panel.symbols, panel.flags.tolist(), strict=False)
        if flags & Flag.SUSPECT_DATA
    }
    assert sorted(sink.symbols) == sorted(SYMBOLS)
    return flagged


async def test_histories_that_agree_flag_nobody(opened: Open) -> None:
    bars, source = await opened()
    assert await suspects(bars) == set()
    assert source.asked[f"adjusted {FIRST}"] == 1


@pytest.mark.parametrize(
    ("factors", "flagged"),
    [
        ({"A": 4.0}, {"A"}),
        ({"A": 1.0}, {"A"}),
        ({"A": 2.0, "BB": 3.0}, {"BB"}),
        ({"A": 2.0 * 1.004}, set()),
        ({"A": 2.0 * 1.006}, {"A"}),
    ],
)
async def test_a_symbol_that_the_provider_restates_otherwise_is_flagged(
    opened: Open, factors: dict[str, float], flagged: set[str]
) -> None:
    bars, _ = await opened(factors=factors)
    assert await suspects(bars) == flagged


async def test_a_doubtful_split_flags_its_symbol_even_if_the_provider_agrees(opened: Open) -> None:
    bars, _ = await opened(known_splits=(Split("A", DAY, 1, 3), Split("A", DAY, 1, 2)))
    assert await suspects(bars) == {"A"}


async def test_the_provider_is_asked_once_a_session_and_window(opened: Open) -> None:
    bars, source = await opened(factors={})
    await bars.listed(LATEST, HISTORY, until=asyncio.get_running_loop().time() + 5)
    assert list(await asyncio.gather(suspects(bars), suspects(bars))) == [{"A"}, {"A"}]
    assert await suspects(bars) == {"A"}
    assert source.asked[f"adjusted {FIRST}"] == 1


async def test_without_splits_in_the_window_the_provider_is_not_asked(opened: Open) -> None:
    outside = (Split("A", to_day_number(FIRST), 1, 2), Split("A", to_day_number(LATEST) + 1, 1, 2))
    bars, source = await opened(known_splits=outside)
    assert await suspects(bars) == set()
    assert source.asked[f"adjusted {FIRST}"] == 0


@pytest.mark.parametrize("name", ["files", "replay"])
async def test_a_source_that_never_restates_is_not_asked(opened: Open, name: str) -> None:
    bars, source = await opened(name=name)
    assert await suspects(bars) == set()
    assert source.asked[f"adjusted {FIRST}"] == 0


async def test_a_check_that_failed_flags_nobody_and_is_made_by_the_next_scan(opened: Open) -> None:
    bars, source = await opened(factors={}, check_failures=[ProviderUnavailableError("down")])
    assert await suspects(bars) == set()
    assert source.asked[f"adjusted {FIRST}"] == 1
    assert await suspects(bars) == {"A"}
    assert source.asked[f"adjusted {FIRST}"] == 2


async def test_a_check_that_is_late_is_not_waited_for(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.fetcher.bar_stream.WAIT_S", 0.01)
    hold = asyncio.Event()
    bars, source = await opened(factors={}, check_hold=hold)
    assert await suspects(bars) == set()
    hold.set()
    assert await suspects(bars) == {"A"}
    assert source.asked[f"adjusted {FIRST}"] == 1


async def test_where_calls_are_scarce_the_check_waits_for_the_first_session(opened: Open) -> None:
    hold = asyncio.Event()
    bars, source = await opened(factors={}, pace=Pace("basic", 12.0), hold=hold)
    loop = asyncio.get_running_loop()
    # So many that whole sessions are fewer calls.
    many = (*SYMBOLS, "X", "Y", "Z")
    await bars.stream(StreamRequest(many, loop.time() + 0.01, 2), LATEST, HISTORY, Sink().take)
    assert source.asked[f"adjusted {FIRST}"] == 0
    hold.set()
    assert await suspects(bars) == {"A"}
    assert source.asked[f"adjusted {FIRST}"] == 1


async def test_without_the_first_session_nothing_is_compared_and_the_answer_waits(opened: Open) -> None:
    bars, source = await opened(factors={}, failures={FIRST: [ProviderUnavailableError("down")] * 100})
    assert await suspects(bars, seconds=0.5) == set()
    source.failures.clear()
    assert await suspects(bars) == {"A"}
    assert source.asked[f"adjusted {FIRST}"] == 1


async def test_a_check_is_kept_for_later_scans_and_restarts(opened: Open) -> None:
    bars, _ = await opened(factors={})
    assert await suspects(bars) == {"A"}
    await bars.close()
    bars, source = await opened(factors={}, newest=LATEST + timedelta(days=1))
    assert await suspects(bars) == {"A"}
    assert source.asked[f"adjusted {FIRST}"] == 0


async def test_a_past_session_without_a_kept_check_is_not_checked(opened: Open) -> None:
    bars, source = await opened(factors={})
    assert await suspects(bars, SESSIONS[-2], HISTORY - 1) == set()
    assert not any("adjusted" in str(asked) for asked in source.asked)


async def test_a_sync_makes_the_check_for_the_scans_to_come(opened: Open) -> None:
    bars, _ = await opened(factors={})
    loop = asyncio.get_running_loop()

    async def ignore(_: object) -> None: ...

    await bars.stored.run(LATEST, HISTORY, until=loop.time() + 5, report=ignore)
    await bars.close()
    bars, source = await opened(factors={})
    await bars.stored.run(LATEST, HISTORY, until=loop.time() + 5, report=ignore)
    assert await suspects(bars) == {"A"}
    assert source.request_count == 0


def theirs(*closes: float) -> SessionBars:
    """Return bars of the window's first session, a column each."""
    return SessionBars(FIRST, np.arange(len(closes), dtype=np.int32), np.tile(np.array(closes), (5, 1)), 0)


@pytest.mark.parametrize(("after", "apart"), [(1, ()), (SOON_DAYS, ()), (SOON_DAYS + 1, (0,))])
def test_a_split_of_the_next_days_may_have_executed_for_the_provider(after: int, apart: tuple[int, ...]) -> None:
    as_of = to_day_number(LATEST)
    splits = {0: (Split("A", DAY, 1, 2), Split("A", as_of + after, 1, 5))}
    assert disagreeing(theirs(10.0), np.array([100.0]), splits, as_of) == apart
    assert disagreeing(theirs(50.0), np.array([100.0]), splits, as_of) == ()
    assert disagreeing(theirs(100.0), np.array([100.0]), splits, as_of) == (0,)


def test_prices_of_a_few_units_may_differ_by_one() -> None:
    assert disagreeing(theirs(0.0001, 0.0004), np.array([0.0001, 0.0001]), {}, to_day_number(LATEST)) == (1,)


def test_a_symbol_that_we_have_no_bar_of_is_not_compared() -> None:
    assert disagreeing(theirs(1.0, 2.0), np.array([np.nan, 2.0]), {}, to_day_number(LATEST)) == ()
