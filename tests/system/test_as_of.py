"""A session has one result: scanned on its evening or weeks later, unless the provider restated what it said."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from pathlib import Path

import pytest

from services.fetcher import __main__ as fetcher
from services.market.sessions import NEW_YORK, sessions_ending
from services.market.vocabulary import Flag
from services.simulator.market import Market
from tests.system.conftest import Scan, Stack, running, simulated, simulated_settings
from tests.system.test_store import below, sync

COUNT = 50
SESSIONS = sessions_ending(date(2025, 9, 30), COUNT + 1)
EVENING = time(20)
GROUPED = "/v2/aggs/grouped/locale/us/market/stocks"
SPLITS = "/stocks/v1/splits"


class Evening:
    """A clock that stands at 20:00 New York time of a session."""

    def __init__(self, session: date) -> None:
        self.session = session

    def __call__(self) -> datetime:
        """Tell the time."""
        return datetime.combine(self.session, EVENING, NEW_YORK)


@pytest.fixture
def evening(monkeypatch: pytest.MonkeyPatch) -> Evening:
    """The clock of every fetcher that a test starts."""
    made = Evening(SESSIONS[0])
    monkeypatch.setattr(fetcher, "clock", lambda _: made)
    return made


def closes(scan: Scan) -> dict[str, float]:
    """Return the close of every row by symbol."""
    return {symbol: close for rows in scan.rows for symbol, close in zip(rows.symbols, rows.closes, strict=True)}


@asynccontextmanager
async def stack_of(market: Market, folder: Path, evening: Evening, name: str) -> AsyncIterator[Stack]:
    """Services of their own, over the one store of a test."""
    async with simulated(market, now=evening) as url:
        settings = simulated_settings(url, store_path=str(folder / "bars.sqlite3"))
        async with running(below(folder, name), settings) as made:
            made.provider_url = url
            yield made


async def test_fifty_sessions_scanned_then_and_later_are_equal(
    market: Market, tmp_path: Path, evening: Evening
) -> None:
    then: dict[date, Scan] = {}
    async with stack_of(market, tmp_path, evening, "then") as stack:
        for evening.session in SESSIONS[:COUNT]:
            then[evening.session] = await stack.scan(top_count=0)
    evening.session = SESSIONS[-1]
    async with stack_of(market, tmp_path, evening, "later") as stack:
        await stack.scan()
        for session in SESSIONS[:COUNT]:
            later = await stack.scan(as_of=str(session), top_count=0)
            assert later.result.as_of == then[session].result.as_of == str(session)
            assert later.result.result_hash == then[session].result.result_hash
            assert later.rows == then[session].rows
            assert later.result.regime == then[session].result.regime
            assert later.result.restated_symbols == []
    assert len({scan.result.result_hash for scan in then.values()}) == COUNT


async def test_what_was_restated_since_is_listed_and_no_more(market: Market, tmp_path: Path, evening: Evening) -> None:
    before, session, after = SESSIONS[:3]
    async with stack_of(market, tmp_path, evening, "one") as stack:
        evening.session = before
        earlier = await stack.scan(top_count=0)
        # Some bars of the day, SPY's among them, come late: on the day after.
        evening.session = session
        await stack.fault({"kind": "negative_prices", "path": f"{GROUPED}/{session}", "every": 60})
        then = await stack.scan(top_count=0)
        await stack.fault()
        evening.session = after
        await sync(stack)
        newest = await stack.scan(top_count=0)
        later = await stack.scan(as_of=str(session), top_count=0)
        past = await stack.scan(as_of=str(before), top_count=0)
    restated = list(later.result.restated_symbols)
    assert closes(later).keys() == closes(then).keys()
    changed = {symbol for symbol, close in closes(later).items() if close != closes(then)[symbol]}
    assert "SPY" in restated
    assert changed == closes(later).keys() & set(restated) != set()
    assert later.result.result_hash != then.result.result_hash
    assert any(
        notice.startswith(f"restated since these sessions were first stored: {restated[0]}, ")
        for notice in later.result.notices
    )
    assert past.result.result_hash == earlier.result.result_hash
    assert [list(scan.result.restated_symbols) for scan in (earlier, then, past)] == [[], [], []]
    assert list(newest.result.restated_symbols) == []


async def test_splits_that_were_listed_late_are_restatements(market: Market, tmp_path: Path, evening: Evening) -> None:
    session, after = SESSIONS[:2]
    async with stack_of(market, tmp_path, evening, "one") as stack:
        evening.session = session
        await stack.fault({"kind": "empty_page", "path": SPLITS})
        then = await stack.scan(top_count=0)
        await stack.fault()
        evening.session = after
        newest = await stack.scan(top_count=0)
        later = await stack.scan(as_of=str(session), top_count=0, include_ledger=True)
    async with stack_of(market, tmp_path, evening, "two") as stack:
        restarted = await stack.scan(as_of=str(session), top_count=0)
    last = market.sessions.index(session)
    rows = (row for row in market.splits.rows if last - 299 < row.session <= last)
    requested = {*later.symbols, *(omission.symbol for omission in later.result.omissions)}
    assert set(later.result.restated_symbols) == {market.listings.symbols[row.column] for row in rows} & requested
    assert later.result.restated_symbols
    assert restarted.result.restated_symbols == later.result.restated_symbols
    assert restarted.result.result_hash == later.result.result_hash
    assert later.result.result_hash != then.result.result_hash
    assert [list(scan.result.restated_symbols) for scan in (then, newest)] == [[], []]


@pytest.mark.parametrize(("as_of", "knowing"), [("2025-07-08", ("alpha_5", "alpha_10")), ("2025-07-09", ())])
async def test_a_model_that_learned_from_later_sessions_is_flagged_in_every_row(
    as_of: str, knowing: tuple[str, ...], stack: Stack
) -> None:
    scan = await stack.scan(as_of=as_of, top_count=0)
    flagged = [bool(flags & Flag.LOOK_AHEAD_MODEL) for batch in scan.rows for flags in batch.flags]
    assert flagged == [bool(knowing)] * scan.result.scored_count
    assert [notice for notice in scan.result.notices if "knows what followed" in notice] == [
        f"{name} learned from sessions up to 2025-07-09: as of {as_of} it knows what followed" for name in knowing
    ]
