"""The store's file: what was committed is read back, whatever happens to the process or to the file."""

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.source import SessionBars
from services.fetcher.store_file import StoreFile
from services.fetcher.store_layout import DamagedRowError, Place
from services.fetcher.symbols import SymbolIndex
from services.market.errors import LocalDataError
from services.market.sessions import sessions_ending
from tests.fetcher.fake_source import LATEST
from tests.fetcher.store_writer import SESSIONS, bars_of, symbols_of

NOW = 1.7e9


def place(folder: Path, fingerprint: str = "simulated-1") -> Place:
    return Place(folder / "stores" / "bars.sqlite3", fingerprint)


def rows(bars: SessionBars, index: SymbolIndex) -> dict[str, list[float]]:
    """Return the bars by symbol, whatever numbers the symbols have."""
    columns = [index.symbol_at(column) for column in bars.columns.tolist()]
    return dict(zip(columns, bars.bars.T.tolist(), strict=True))


def assert_read_back(file: StoreFile, index: SymbolIndex) -> None:
    """Check that every session that is there is the one that was written."""
    other = SymbolIndex()
    for session in file.sessions():
        found = file.read(session)
        assert found is not None
        assert rows(found, index) == rows(bars_of(session, other), other)


def test_sessions_come_back_bit_for_bit_after_a_restart_with_other_numbers(tmp_path: Path) -> None:
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        for session in SESSIONS[:3]:
            file.write(bars_of(session, index), NOW)
    again = SymbolIndex()
    again.add(("ZZZ", *reversed(symbols_of(SESSIONS[2]))))
    with closing(StoreFile(place(tmp_path), again)) as file:
        assert file.sessions() == tuple(sorted(SESSIONS[:3]))
        assert file.read(SESSIONS[5]) is None
        assert_read_back(file, again)


def test_two_processes_share_a_store(tmp_path: Path) -> None:
    one, two = SymbolIndex(), SymbolIndex()
    two.add(("ONLY", "HERE"))
    with closing(StoreFile(place(tmp_path), one)) as first, closing(StoreFile(place(tmp_path), two)) as second:
        for number, session in enumerate(SESSIONS):
            file, index = ((first, one), (second, two))[number % 2]
            file.write(bars_of(session, index), NOW)
        assert first.sessions() == second.sessions() == tuple(sorted(SESSIONS))
        assert_read_back(first, one)
        assert_read_back(second, two)


def test_a_session_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        bars = bars_of(SESSIONS[0], index)
        file.write(bars, NOW)
        file.write(SessionBars(bars.session, bars.columns, bars.bars + 1, 0), NOW)
        assert_read_back(file, index)


def test_an_answer_replaces_the_one_before(tmp_path: Path) -> None:
    with closing(StoreFile(place(tmp_path), SymbolIndex())) as file:
        assert file.answer("splits") is None
        file.write_answer("splits", SESSIONS[1], b"old")
        file.write_answer("splits", SESSIONS[0], b"new")
        assert file.answer("splits") == (SESSIONS[0], b"new")


def test_another_markets_store_is_refused(tmp_path: Path) -> None:
    StoreFile(place(tmp_path), SymbolIndex()).close()
    with pytest.raises(LocalDataError, match="has fingerprint simulated-1, not massive-2"):
        StoreFile(place(tmp_path, "massive-2"), SymbolIndex())


def test_another_versions_store_is_refused(tmp_path: Path) -> None:
    StoreFile(place(tmp_path), SymbolIndex()).close()
    with closing(sqlite3.connect(place(tmp_path).path)) as db, db:
        db.execute("UPDATE meta SET value = '0' WHERE name = 'schema'")
    with pytest.raises(LocalDataError, match="schema 0"):
        StoreFile(place(tmp_path), SymbolIndex())


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = place(tmp_path).path
    path.parent.mkdir()
    path.write_text("my diary, " * 1000)
    with pytest.raises(LocalDataError, match="no store"):
        StoreFile(place(tmp_path), SymbolIndex())
    assert path.read_text().startswith("my diary")


@pytest.mark.parametrize("trial", range(8))
def test_a_killed_writer_leaves_every_committed_session_and_nothing_torn(tmp_path: Path, trial: int) -> None:
    command = (sys.executable, "-m", "tests.fetcher.store_writer", str(place(tmp_path).path))
    kill_after = random.Random(trial).randint(0, len(SESSIONS) - 1)  # noqa: S311 - a repeatable choice
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        committed = [writer.stdout.readline().strip() for _ in range(kill_after)]
        writer.send_signal(signal.SIGKILL)
        committed += writer.stdout.read().split()
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        assert {text for text in committed if text} <= {session.isoformat() for session in file.sessions()}
        assert_read_back(file, index)
        for session in SESSIONS:
            file.write(bars_of(session, index), NOW)
        assert len(file.sessions()) == len(SESSIONS)
        assert_read_back(file, index)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give the bytes of a store with some sessions."""
    folder = tmp_path_factory.mktemp("whole")
    index = SymbolIndex()
    with closing(StoreFile(place(folder), index)) as file:
        for session in SESSIONS[:6]:
            file.write(bars_of(session, index), NOW)
        file.write_answer("splits", LATEST, b"x" * 5000)
    return place(folder).path.read_bytes()


@settings(max_examples=150, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_never_gives_wrong_bars(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, share: float, bit: int
) -> None:
    damaged = bytearray(whole)
    damaged[int(share * len(whole))] ^= 1 << bit
    where = place(tmp_path_factory.mktemp("flip"))
    where.path.parent.mkdir()
    where.path.write_bytes(damaged)
    index, other = SymbolIndex(), SymbolIndex()
    try:
        file = StoreFile(where, index)
    except (LocalDataError, sqlite3.DatabaseError):
        return
    with closing(file):
        for session in SESSIONS[:6]:
            try:
                found = file.read(session)
            except (DamagedRowError, sqlite3.DatabaseError):
                continue
            if found is not None:
                assert rows(found, index) == rows(bars_of(session, other), other)
        with suppress(DamagedRowError, sqlite3.DatabaseError):
            assert file.answer("splits") in {None, (LATEST, b"x" * 5000)}


@pytest.mark.parametrize(
    "change",
    [
        "first_seen = first_seen + 1",
        "checksum = checksum + 1",
        "numbers = CAST(numbers || x'00000000' AS BLOB)",
        "bars = CAST(substr(bars, 9) || zeroblob(8) AS BLOB)",
        "day = day + 1000",
    ],
)
def test_a_damaged_row_is_dropped_and_can_be_written_again(tmp_path: Path, change: str) -> None:
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        for session in SESSIONS[:2]:
            file.write(bars_of(session, index), NOW)
    with closing(sqlite3.connect(place(tmp_path).path)) as db, db:
        db.execute(f"UPDATE sessions SET {change} WHERE day = (SELECT max(day) FROM sessions)")  # noqa: S608 - ours
    again = SymbolIndex()
    with closing(StoreFile(place(tmp_path), again)) as file:
        with pytest.raises(DamagedRowError):
            file.read(max(file.sessions()))
        assert file.sessions() == (SESSIONS[1],)
        file.write(bars_of(SESSIONS[0], again), NOW)
        assert_read_back(file, again)


def test_without_its_symbols_a_store_is_emptied(tmp_path: Path) -> None:
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        file.write(bars_of(SESSIONS[0], index), NOW)
    with closing(sqlite3.connect(place(tmp_path).path)) as db, db:
        db.execute("UPDATE symbols SET names = CAST(x'41' || names AS BLOB)")
    again = SymbolIndex()
    with closing(StoreFile(place(tmp_path), again)) as file:
        assert file.sessions() == ()
        file.write(bars_of(SESSIONS[0], again), NOW)
        assert_read_back(file, again)


def test_a_session_without_bars_is_a_session(tmp_path: Path) -> None:
    session = sessions_ending(LATEST, 1)[0]
    with closing(StoreFile(place(tmp_path), SymbolIndex())) as file:
        file.write(SessionBars(session, np.empty(0, np.int32), np.empty((5, 0)), 0), NOW)
        found = file.read(session)
    assert found is not None
    assert found.bars.shape == (5, 0)
