"""The store's file: what was committed is read back, whatever happens to the process or to the file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import DamagedRowError
from services.fetcher.symbols import SymbolIndex
from services.market.errors import LocalDataError
from services.market.sessions import sessions_ending
from tests.fetcher.fake_source import LATEST
from tests.fetcher.store_view import place, rows
from tests.fetcher.store_writer import NOW, SESSIONS, bars_of, symbols_of


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
