"""Folders of bars: what belongs to them, how files join, and files that contradict each other."""

from datetime import date
from pathlib import Path

import pytest

from services.files.reader import find_files, last_session, read_bars
from services.market.errors import LocalDataError
from tests.files.conftest import HEADER, LAST, SESSIONS, Write, lines, write_parquet


def test_files_of_both_kinds_make_one_table(tmp_path: Path, write: Write) -> None:
    write("b.csv", f"{HEADER}\n" + lines(["T"], close="28.1234567"))
    write_parquet(tmp_path / "a.parquet", ["AAPL"])
    table = read_bars(find_files(tmp_path))
    assert table.symbols == ("AAPL", "T")
    # The float32 of one file stays the decimal that was meant beside the float64 of the other.
    assert table.values(table.rows(LAST, LAST))[3].tolist() == [211.14, 28.1234567]
    assert len(table.columns) == 2 * len(SESSIONS)


def test_files_that_follow_each_other_are_one_history(tmp_path: Path) -> None:
    write_parquet(tmp_path / "2.parquet", ["B", "A"], SESSIONS[2:])
    write_parquet(tmp_path / "1.parquet", ["A", "C"], SESSIONS[:2])
    table = read_bars(find_files(tmp_path))
    rows = table.rows_of(table.symbols.index("A"), SESSIONS[0], LAST)
    assert len(rows) == len(SESSIONS)
    assert table.days(rows).tolist() == table.session_days.tolist()
    assert last_session(find_files(tmp_path)) == LAST


def test_only_files_of_bars_belong_to_a_folder(tmp_path: Path, write: Write) -> None:
    kept = write_parquet(tmp_path / "bars.parquet", ["A"])
    packed = write("more.CSV.GZ", "")
    splits = write("splits.csv", "")
    for name in ("universe.parquet", "universe.csv", ".hidden.csv", "notes.txt"):
        write(name, "")
    (tmp_path / "deeper.csv").mkdir()
    assert find_files(tmp_path, (splits, None)) == (kept, packed)
    assert find_files(kept) == (kept,)


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalDataError, match="no file of bars"):
        find_files(tmp_path)
    with pytest.raises(LocalDataError, match=r"no file or folder .*absent"):
        find_files(tmp_path / "absent")


def test_files_that_overlap_are_listed_and_others_are_not(tmp_path: Path, write: Write) -> None:
    write_parquet(tmp_path / "first.parquet", ["A", "B"])
    write("second.csv", f"{HEADER}\n" + lines(["B", "C"], SESSIONS[3:]))
    write_parquet(tmp_path / "third.parquet", ["B", "C"], SESSIONS[:3])
    write_parquet(tmp_path / "apart.parquet", ["D"])
    with pytest.raises(LocalDataError, match="overlap") as caught:
        read_bars(find_files(tmp_path))
    assert all(name in caught.value.message for name in ("first", "second", "third", "4 times"))
    assert "apart" not in caught.value.message


def test_a_file_of_a_folder_that_is_not_bars_is_named(tmp_path: Path, write: Write) -> None:
    write_parquet(tmp_path / "bars.parquet", ["A"])
    write("dividends.csv", "symbol,date,amount\nA,2025-07-09,1\n")
    with pytest.raises(LocalDataError, match=r"dividends\.csv lacks a column open"):
        read_bars(find_files(tmp_path))


def test_the_listed_symbols_are_those_of_the_sessions_before_a_day(tmp_path: Path) -> None:
    write_parquet(tmp_path / "old.parquet", ["OLD"], [date(2020, 1, 2)])
    write_parquet(tmp_path / "new.parquet", ["NEW"], SESSIONS[2:])
    table = read_bars(find_files(tmp_path))
    listed = {
        day: [table.symbols[place] for place in table.listed(day)]
        for day in (date(1999, 1, 1), date(2020, 1, 1), date(2020, 1, 4), SESSIONS[1], LAST, date(2050, 1, 1))
    }
    assert list(listed.values()) == [[], [], ["OLD"], [], ["NEW"], []]
