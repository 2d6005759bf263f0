"""Files that are written are read back bit for bit, and appear whole or not at all."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.files.flat import flat_day, read_flat
from services.files.reader import read_bars
from services.files.splits import read_splits
from services.files.writer import splits_beside, write_splits, writing_bars
from services.market.adjust import Split
from services.market.errors import LocalDataError

DAYS = (date(2025, 9, 29), date(2025, 9, 30))
NAMES = ("bars.parquet", "bars.csv", "bars.csv.gz")


def bars_of(day: date) -> NDArray[np.float64]:
    """Give bars of three symbols that no rounding survives."""
    return np.array([1e-6, 1.0, 1e9]) / 3 * np.random.default_rng(day.day).random((5, 3))


@pytest.mark.parametrize("name", NAMES)
def test_bars_are_read_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    with writing_bars(tmp_path / name) as write:
        for day in DAYS:
            write(day, ("A", "KIMpL", "BRK.B"), bars_of(day))
    table = read_bars([tmp_path / name])
    assert table.symbols == ("A", "KIMpL", "BRK.B")
    for day in DAYS:
        assert table.values(table.rows(day, day)).tobytes() == bars_of(day).tobytes()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_read_back_with_what_their_ratio_is_made_of(tmp_path: Path, name: str) -> None:
    splits = (Split("A", 20_000, 3.0, 1.0), Split("B", 20_001, 2.0, 3.0))
    write_splits(tmp_path / name, splits)
    assert read_splits(tmp_path / name, None) == splits
    assert read_splits(tmp_path / name, {"B"}) == splits[1:]


@pytest.mark.parametrize(("old", "new"), [("0", "1"), ("1", "-1"), ("inf", "1")])
def test_shares_that_make_no_ratio_are_refused(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "splits.csv").write_text(f"symbol,date,ratio,ratio_from,ratio_to\nA,2025-09-30,1,{old},{new}\n")
    with pytest.raises(LocalDataError, match="must be above 0"):
        read_splits(tmp_path / "splits.csv", None)


def test_a_file_that_was_not_finished_is_not_there_and_the_old_one_is(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("old")

    def interrupted() -> None:
        with writing_bars(path) as write:
            write(DAYS[0], ("A", "B", "C"), bars_of(DAYS[0]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("bars.csv", "old")]


@pytest.mark.parametrize("name", ["bars.txt", "file/bars.csv", "file/bars.parquet"])
def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalDataError, match=r"bars\."), writing_bars(tmp_path / name):
        pass


def test_splits_lie_beside_their_bars(tmp_path: Path) -> None:
    assert splits_beside(Path("a/bars.csv.gz")) == Path("a/bars.splits.csv.gz")
    assert splits_beside(tmp_path) == tmp_path / "splits.parquet"


@pytest.mark.parametrize(
    ("name", "header", "day"),
    [
        ("2025-09-30.csv", "ticker,volume,open,close,high,low,window_start,transactions", date(2025, 9, 30)),
        ("2025-09-30.csv", "symbol,date,open,high,low,close,volume", None),
        ("2025-13-30.csv", "ticker,volume,open,close,high,low", None),
        ("bars.csv", "ticker,volume,open,close,high,low", None),
    ],
)
def test_only_a_file_without_dates_is_of_the_day_of_its_name(
    tmp_path: Path, name: str, header: str, day: date | None
) -> None:
    (tmp_path / name).write_text(f"{header}\n")
    assert flat_day(tmp_path / name) == day


def test_a_flat_file_has_the_close_before_the_high(tmp_path: Path) -> None:
    path = tmp_path / "2025-09-30.csv"
    path.write_text("ticker,volume,open,close,high,low,window_start,transactions\nNA,5.5,1,2,3,0.5,1759204800000,7\n")
    flat = read_flat(path, DAYS[1])
    assert list(flat.symbols) == ["NA"]
    assert flat.bars.T.tolist() == [[1.0, 3.0, 0.5, 2.0, 5.5]]
