"""The store's tables: what is put aside, what bars and splits were, what leaves, and that damage is found."""

import random
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import DamagedRowError, Place, prepare
from services.fetcher.store.quarantine import Quarantine, QuarantinedRow
from services.fetcher.store.splits import KnownSplits
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.errors import LocalDataError
from services.market.sessions import close_time, to_day_number
from tests.fetcher.fake_source import LATEST
from tests.fetcher.small_disk import small_disk
from tests.fetcher.store_view import content, damage, place, revision, rows, verified
from tests.fetcher.store_writer import (
    NOW,
    SESSIONS,
    STEPS,
    Step,
    bars_of,
    require_right,
    splits_of,
    symbols_of,
    take,
)

STEPS_OF_WHOLE = STEPS[:8]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a store with rows in all tables, and pages that rows have left."""
    folder = tmp_path_factory.mktemp("whole")
    index = SymbolIndex()
    with closing(StoreFile(place(folder), index)) as file:
        file.write(bars_of(SESSIONS[8], index), NOW)
        damage(folder, "UPDATE sessions SET first_seen = 5")
        with pytest.raises(DamagedRowError):
            file.read(SESSIONS[8])
        for step in STEPS_OF_WHOLE:
            take(file, index, step)
        file.write_answer("symbol A", LATEST, b"x" * 5000)
    said = content(place(folder).path)
    assert all(said.values())
    return place(folder).path


@pytest.mark.parametrize("part", range(10))
def test_every_flipped_bit_is_found_or_lies_where_nothing_is(whole: Path, tmp_path: Path, part: int) -> None:
    original, said = whole.read_bytes(), content(whole)
    flips = random.Random(part)  # noqa: S311 - repeatable choices
    where = place(tmp_path)
    where.path.parent.mkdir()
    for _ in range(60):
        damaged = bytearray(original)
        bit = flips.randrange(8 * len(original))
        damaged[bit // 8] ^= 1 << bit % 8
        for file in where.path.parent.iterdir():
            file.unlink()
        where.path.write_bytes(damaged)
        with suppress(LocalDataError, sqlite3.DatabaseError), closing(StoreFile(where, SymbolIndex())) as opened:
            # What is found while it is opened empties the store, and is put aside.
            if not verified(opened) and len(opened.quarantined()) == 1:
                assert content(where.path) == said, bit


@settings(max_examples=150, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_never_gives_wrong_bars(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, share: float, bit: int
) -> None:
    damaged = bytearray(whole.read_bytes())
    damaged[int(share * len(damaged))] ^= 1 << bit
    where = place(tmp_path_factory.mktemp("flip"))
    where.path.parent.mkdir()
    where.path.write_bytes(damaged)
    index, other = SymbolIndex(), SymbolIndex()
    try:
        file = StoreFile(where, index)
    except (LocalDataError, sqlite3.DatabaseError):
        return
    versions = {step.session: step.version for step in STEPS_OF_WHOLE if not step.splits}
    splits = splits_of(max(step.version for step in STEPS_OF_WHOLE if step.splits))
    with closing(file):
        for session, version in versions.items():
            with suppress(DamagedRowError, sqlite3.DatabaseError):
                found = file.read(session)
                assert found is None or rows(found, index) == rows(bars_of(session, other, version), other)
        with suppress(DamagedRowError, sqlite3.DatabaseError):
            assert file.answer("symbol A") in {None, (LATEST, b"x" * 5000)}
        with suppress(DamagedRowError, sqlite3.DatabaseError):
            known = file.splits()
            assert known is None or set(known.splits) == set(splits)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "sessions SET first_seen = first_seen + 1 WHERE day = (SELECT max(day) FROM sessions)",
            SESSIONS[0].isoformat(),
        ),
        ("sessions SET day = day + 100000 WHERE day = (SELECT max(day) FROM sessions)", "sessions 120361"),
        ("answers SET body = CAST('y' || body AS BLOB) WHERE question = 'symbol A'", "symbol A"),
        ("answers SET newest = newest + 1 WHERE question = 'splits'", "splits"),
        ("splits SET day = day + 1 WHERE id = 1", "splits 1"),
        ("revisions SET first_seen = CAST(zeroblob(length(first_seen)) AS BLOB)", "revisions 1"),
        ("quarantine SET damage = 'none at all'", "quarantine 1"),
        ("symbols SET names = CAST(x'41' || names AS BLOB)", "symbols"),
        ("meta SET name = 'epocha' WHERE name = 'epoch'", "meta epocha"),
    ],
)
def test_a_check_finds_damage_in_every_table(whole: Path, tmp_path: Path, change: str, said: str) -> None:
    place(tmp_path).path.parent.mkdir()
    place(tmp_path).path.write_bytes(whole.read_bytes())
    damage(tmp_path, f"UPDATE {change}")
    with closing(StoreFile(place(tmp_path), SymbolIndex())) as file:
        found = verified(file)
        assert said in found or file.quarantined()[-1].name == said
        assert verified(file) == []


def test_a_question_that_lies_out_of_order_by_a_flipped_bit_is_found_and_answers_no_other(
    whole: Path, tmp_path: Path
) -> None:
    original = whole.read_bytes()
    assert original.count(b"symbol A") == 1
    place(tmp_path).path.parent.mkdir()
    place(tmp_path).path.write_bytes(original.replace(b"symbol A", b"rymbol A"))
    with closing(StoreFile(place(tmp_path), SymbolIndex())) as file:
        assert file.answer("rymbol A") is None
        assert file.answer("symbol A") is None
        assert verified(file) == ["rymbol A"]
        assert verified(file) == []


def test_a_damaged_row_is_put_aside_with_what_is_left_of_it(tmp_path: Path) -> None:
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        file.write(bars_of(SESSIONS[0], index), NOW)
        damage(tmp_path, "UPDATE sessions SET seen_at = 7")
        with pytest.raises(DamagedRowError, match="its checksum is not that of its content"):
            file.read(SESSIONS[0])
        assert file.read(SESSIONS[0]) is None
        (row,) = file.quarantined()
    assert (row.name, row.damage) == (SESSIONS[0].isoformat(), "its checksum is not that of its content")
    assert abs(time.time() - row.found_at) < 60
    ((*_, body),) = content(place(tmp_path).path)["quarantine"]
    assert body.endswith(bars_of(SESSIONS[0], SymbolIndex()).bars.tobytes())


def test_a_process_that_knew_the_numbers_of_an_emptied_store_learns_the_new_ones(tmp_path: Path) -> None:
    one, two = SymbolIndex(), SymbolIndex()
    with closing(StoreFile(place(tmp_path), one)) as first:
        first.write(bars_of(SESSIONS[0], one), NOW)
        damage(tmp_path, "UPDATE symbols SET names = CAST(x'41' || names AS BLOB)")
        with closing(StoreFile(place(tmp_path), two)) as second:
            two.add(tuple(reversed(symbols_of(SESSIONS[1]))))
            second.write(bars_of(SESSIONS[1], two), NOW)
            assert first.sessions() == (SESSIONS[1],)
            first.write(bars_of(SESSIONS[2], one), NOW)
            for file, index in ((first, one), (second, two)):
                for session in SESSIONS[1:3]:
                    found = file.read(session)
                    assert found is not None
                    assert rows(found, index) == rows(bars_of(session, one), one)


def test_the_quarantine_keeps_the_newest_rows_and_a_bounded_number_of_bytes(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "bars.sqlite3", isolation_level=None)) as db:
        prepare(db, Place(tmp_path / "bars.sqlite3", "simulated-1"))
        quarantine = Quarantine(db)
        for number in range(110):
            quarantine.add(QuarantinedRow(f"row {number}", number, "damage"), (b"x" * (1 << 20),))
        assert [row.found_at for row in quarantine.rows()] == list(range(10, 110))
        kept = db.execute("SELECT found_at FROM quarantine WHERE length(body) > 0 ORDER BY id").fetchall()
        assert [number for (number,) in kept] == list(range(94, 110))


def test_bars_that_come_again_are_current_and_the_old_ones_stay_as_a_revision(tmp_path: Path) -> None:
    index = SymbolIndex()
    columns = index.add(("A", "B", "C", "D"))
    bars = np.arange(20.0).reshape(5, 4)
    first = SessionBars(LATEST, columns[:3], bars[:, :3], 0)
    second = SessionBars(LATEST, columns[[3, 1, 0]], np.stack([bars[:, 3], bars[:, 1] + 1, bars[:, 0]], axis=1), 0)
    third = SessionBars(LATEST, second.columns, second.bars + np.array([0.0, 1.0, 1.0]), 0)
    with closing(StoreFile(place(tmp_path), index)) as file:
        file.write(first, 100.0)
        # B is another bar, C is gone, D came; then A and B change.
        assert file.restate(second, 200.0) == 3
        assert rows(file.read(LATEST) or first, index) == rows(second, index)
        assert file.restate(third, 300.0) == 2
        assert file.restate(third, 400.0) == 0
        assert file.restated_count == 5
    found = content(place(tmp_path).path)
    assert [row[1:3] for row in found["sessions"]] == [(100, 400)]
    assert [revision(row) for row in found["revisions"]] == [
        (200, {1: (100, bars[:, 1].tolist()), 2: (100, bars[:, 2].tolist()), 3: (100, [None] * 5)}),
        (300, {0: (100, bars[:, 0].tolist()), 1: (200, (bars[:, 1] + 1).tolist())}),
    ]


def test_a_session_that_comes_again_with_far_fewer_bars_is_not_believed(tmp_path: Path) -> None:
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        bars = bars_of(SESSIONS[0], index)
        file.write(bars, NOW)
        assert file.restate(SessionBars(bars.session, bars.columns[:50], bars.bars[:, :50], 0), NOW) is None
        assert rows(file.read(SESSIONS[0]) or bars, index) == rows(bars, index)
        assert file.restated_count == 0


def test_splits_keep_when_they_were_first_seen_and_when_they_were_withdrawn(tmp_path: Path) -> None:
    day = to_day_number(LATEST)
    old, wrong, right = Split("A", day - 90, 1, 4), Split("B", day, 1, 2), Split("B", day, 1, 3)
    with closing(StoreFile(place(tmp_path), SymbolIndex())) as file:
        assert file.splits() is None
        file.write_splits(SESSIONS[1], SESSIONS[39], (old, wrong, wrong), 100.0)
        # Asked for from a later day on: what executed before is not taken back.
        file.write_splits(SESSIONS[0], SESSIONS[9], (right,), 200.0)
        assert file.splits() == KnownSplits(SESSIONS[0], SESSIONS[9], (right,))
    assert [row[1:7] for row in content(place(tmp_path).path)["splits"]] == [
        (b"A", day - 90, 1.0, 4.0, 100, 0),
        (b"B", day, 1.0, 2.0, 100, 200),
        (b"B", day, 1.0, 3.0, 200, 0),
    ]


@pytest.mark.parametrize(
    "statement", ["UPDATE splits SET ratio_to = 3 WHERE id = 1", "DELETE FROM splits WHERE id = 1"]
)
def test_a_split_that_is_damaged_or_lost_makes_all_of_them_be_asked_for_again(tmp_path: Path, statement: str) -> None:
    splits = (Split("A", to_day_number(LATEST), 1, 4), Split("B", to_day_number(LATEST), 1, 2))
    with closing(StoreFile(place(tmp_path), SymbolIndex())) as file:
        file.write_splits(LATEST, SESSIONS[9], splits, NOW)
        damage(tmp_path, statement)
        with pytest.raises(DamagedRowError):
            file.splits()
        assert file.splits() is None
        assert len(file.quarantined()) == 1
        file.write_splits(LATEST, SESSIONS[9], splits, NOW)
        known = file.splits()
        assert known is not None
        assert set(known.splits) == set(splits)


def test_only_the_newest_sessions_that_came_soon_after_their_close_are_provisional(tmp_path: Path) -> None:
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        for session in SESSIONS[:8]:
            hours = 12 if session == SESSIONS[1] else 1
            file.write(bars_of(session, index), close_time(session).timestamp() + 3600 * hours)
        after = close_time(SESSIONS[0]).timestamp() + 12 * 3600
        assert file.provisional(after - 1) == SESSIONS[2:5]
        assert file.provisional(after) == (SESSIONS[0], *SESSIONS[2:5])
        file.restate(bars_of(SESSIONS[0], index), after)
        assert file.provisional(after) == SESSIONS[2:5]


def test_the_oldest_sessions_leave_with_their_revisions_and_their_pages_are_used_again(tmp_path: Path) -> None:
    index = SymbolIndex()
    sizes: list[int] = []
    with closing(StoreFile(place(tmp_path), index)) as file:
        for session in reversed(SESSIONS):
            file.write(bars_of(session, index), NOW)
            file.restate(bars_of(session, index, version=1), NOW)
            file.prune(5)
            (pages,) = sqlite3.connect(file.path).execute("PRAGMA page_count").fetchone()
            sizes.append(pages)
        assert file.sessions() == tuple(sorted(SESSIONS[:5]))
        file.prune(2, before=SESSIONS[3])
        assert file.sessions() == tuple(sorted(SESSIONS[:4]))
    found = content(place(tmp_path).path)["revisions"]
    assert {row[1] for row in found} == {to_day_number(session) for session in SESSIONS[:4] if symbols_of(session)}
    assert sizes[-1] <= sizes[9] + 1


def test_answers_about_single_symbols_leave_after_a_month(tmp_path: Path) -> None:
    with closing(StoreFile(place(tmp_path), SymbolIndex())) as file:
        for session in (SESSIONS[30], SESSIONS[10]):
            file.write_answer(f"symbol {session}", session, b"bars")
        file.write_answer("listings", SESSIONS[30], b"old")
        file.write_splits(SESSIONS[0], SESSIONS[39], (), NOW)
        kept = [key.value for key in file.every_key() if key.table == "answers"]
    assert kept == ["listings", "splits", f"symbol {SESSIONS[10]}"]


def test_a_full_disk_keeps_the_last_good_state_of_all_tables(tmp_path: Path) -> None:
    index = SymbolIndex()
    with closing(StoreFile(place(tmp_path), index)) as file:
        for step in STEPS[:4]:
            take(file, index, step)
    with closing(StoreFile(place(tmp_path), index)) as file:
        with small_disk(4_096):
            for step in (Step(SESSIONS[2], 1), Step(SESSIONS[0], 9, splits=True), Step(SESSIONS[9])):
                with pytest.raises(sqlite3.OperationalError):
                    take(file, index, step)
        require_right(file, index, 4)
        assert verified(file) == []
