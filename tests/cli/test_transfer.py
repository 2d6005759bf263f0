"""Raw bars from a store to files and back, against a fetcher that names the store."""

import gzip
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from services.cli.intake import FileSession, Intake, IntakeRules
from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import Place
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.errors import LocalDataError
from services.market.sessions import to_day_number
from tests.cli.conftest import Technic
from tests.cli.test_data import Fetcher, fetcher
from tests.fetcher.store_writer import SESSIONS

__all__ = ["fetcher"]
NEWEST = SESSIONS[:3]
SYMBOLS = tuple(f"S{number}" for number in range(1200))
SPLITS = (Split("GONE", to_day_number(NEWEST[0]), 3.0, 1.0), Split("S1", to_day_number(NEWEST[1]), 2.0, 3.0))
Content = tuple[dict[date, dict[str, bytes]], set[Split]]


@contextmanager
def opened(path: Path, index: SymbolIndex | None = None) -> Iterator[StoreFile]:
    with closing(StoreFile(Place(path, "simulated-1"), SymbolIndex() if index is None else index)) as file:
        yield file


def content(path: Path) -> Content:
    """Return the bars by session and symbol, bit for bit, and the splits."""
    index = SymbolIndex()
    with opened(path, index) as file:
        found = {session: file.read(session) for session in file.sessions()}
        known = file.splits()
    return {
        session: dict(zip(map(index.symbol_at, bars.columns.tolist()), map(bytes, bars.bars.T.copy()), strict=True))
        for session, bars in found.items()
        if bars is not None
    }, set(known.splits if known else ())


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Make a store with numbers that no rounding survives."""
    path, index = tmp_path / "filled" / "bars.sqlite3", SymbolIndex()
    with opened(path, index) as file:
        for number, session in enumerate(reversed(NEWEST)):
            bars = np.random.default_rng(number).random((5, len(SYMBOLS))) + np.array([[3], [4], [1], [2], [1e7]])
            columns = index.add(SYMBOLS[number:] + SYMBOLS[:number])
            file.write(SessionBars(session, columns, bars / 3, 0), 1.7e9)
        file.write_splits(NEWEST[0], NEWEST[2], SPLITS, 1.7e9)
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / "empty" / "bars.sqlite3"
    with opened(path):
        return path


@pytest.mark.parametrize("name", ["bars.parquet", "new/bars.csv", "bars.csv.gz", "new/folder"])
async def test_a_store_that_is_exported_and_imported_is_equal_bit_for_bit(
    fetcher: Fetcher, technic: Technic, filled: Path, empty: Path, tmp_path: Path, name: str
) -> None:
    fetcher.script.path = str(filled)
    out = await technic.run("data", "export", "--out", str(tmp_path / name), "--fetcher", fetcher.address)
    assert (out.code, out.out.splitlines()[1].split(":")[0]) == (
        0,
        f"3,600 raw bars of 3 sessions, {NEWEST[2]} to {NEWEST[0]}",
    )
    fetcher.script.path = str(empty)
    back = await technic.run("data", "import", str(tmp_path / name), "--fetcher", fetcher.address)
    assert (back.code, back.out.splitlines()[1:]) == (0, ["3 sessions added", "2 splits taken"])
    assert content(empty) == content(filled)
    again = await technic.run("data", "import", str(tmp_path / name), "--fetcher", fetcher.address)
    assert again.out.splitlines()[1:3] == [
        "0 sessions added",
        "3 sessions left as they are stored (--replace takes the file's)",
    ]


async def test_some_symbols_of_some_sessions_are_exported(
    fetcher: Fetcher, technic: Technic, filled: Path, tmp_path: Path
) -> None:
    fetcher.script.path = str(filled)
    command = ("data", "export", "--fetcher", fetcher.address, "--out")
    out = tmp_path / "bars.csv"
    few = await technic.run(*command, str(out), "--sessions", "2", "--symbols", "S7,S8")
    assert few.code == 0
    lines = out.read_text().splitlines()
    assert lines[0] == '"symbol","date","open","high","low","close","volume"'
    assert [line.split(",")[:2] for line in lines[1:]] == [
        [f'"{symbol}"', str(session)] for session in NEWEST[1::-1] for symbol in ("S7", "S8")
    ]
    was = out.read_bytes()
    folder = tmp_path / "sessions"
    for wrong in (
        (str(out), "--symbols", "NONE"),
        (str(folder), "--symbols", "NONE"),
        (str(tmp_path / "bars.txt"),),
        (str(out / "a.csv"),),
        (str(filled / "below-a-file"),),
    ):
        failed = await technic.run(*command, *wrong)
        assert (failed.code, failed.out) == (2, "")
    assert out.read_bytes() == was
    assert not folder.exists()


async def test_the_providers_flat_files_are_imported(
    fetcher: Fetcher, technic: Technic, empty: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "flat"
    folder.mkdir()
    header = "ticker,volume,open,close,high,low,window_start,transactions"
    rows = ["A,100.5,1,2,3,0.5,1,7", "A,200,1,2,3,0.5,1,7", "B,1,1,1,0.5,1,1,1", f"{'X' * 17},1,1,1,1,1,1,1"]
    for day in (f"{NEWEST[0]}", "2025-09-28"):
        with gzip.open(folder / f"{day}.csv.gz", "wt") as file:
            file.write("\n".join([header, *rows]))
    fetcher.script.path = str(empty)
    outcome = await technic.run("data", "import", str(folder), "--fetcher", fetcher.address)
    assert outcome.out.splitlines()[1:] == [
        "1 sessions added",
        "3 rows refused: no bars",
        "4 rows left out: of no session of the exchange",
    ]
    assert content(empty)[0] == {NEWEST[0]: {"A": np.array([1.0, 3.0, 0.5, 2.0, 200.0]).tobytes()}}


def session_of(count: int, session: date = NEWEST[0], close: float = 2.0) -> FileSession:
    """Give a session of a file."""
    bars = np.repeat(np.array([[1.0], [3.0], [0.5], [close], [1000.0]]), count, axis=1)
    return FileSession(session, [f"S{number}" for number in range(count)], bars)


def rules(**changes: bool | int) -> IntakeRules:
    return IntakeRules(**({"retention": 2000, "replace": False, "partial": False, "simulated": False} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "simulated"), [(599, True), (599, False), (999, False)])
def test_a_session_with_suspiciously_few_symbols_is_refused(filled: Path, count: int, simulated: bool) -> None:  # noqa: FBT001
    index = SymbolIndex()
    older = SESSIONS[4]
    with opened(filled, index) as file:
        with pytest.raises(LocalDataError, match=f"session {older} has {count} bars"):
            Intake(file, index, rules(simulated=simulated)).take(session_of(count, older))
        assert older not in file.sessions()
        Intake(file, index, rules(partial=True)).take(session_of(count, older))
        assert older in file.sessions()


def test_a_session_that_replaces_another_keeps_it_as_a_revision(filled: Path) -> None:
    index = SymbolIndex()
    with opened(filled, index) as file:
        intake = Intake(file, index, rules(replace=True))
        intake.take(session_of(1200, close=2.5))
        assert intake.report()[:2] == ["0 sessions added", "1 sessions replaced, 1,200 bars of them changed"]
        assert file.restated_count == 1200
    assert content(filled)[0][NEWEST[0]]["S1"] == np.array([1, 3, 0.5, 2.5, 1000.0]).tobytes()


def test_what_the_store_would_not_keep_is_left_out_and_what_is_too_old_leaves(filled: Path) -> None:
    index = SymbolIndex()
    with opened(filled, index) as file:
        intake = Intake(file, index, rules(retention=3))
        intake.take(session_of(1200, SESSIONS[5]))
        assert intake.report() == ["0 sessions added", "1 sessions left out: older than the 3 that are kept"]
        newer = date(2025, 10, 1)
        intake.take(session_of(1200, newer))
        assert file.sessions() == (*sorted(NEWEST[:2]), newer)


def test_splits_of_a_file_do_not_replace_newer_ones(filled: Path) -> None:
    index = SymbolIndex()
    with opened(filled, index) as file:
        intake = Intake(file, index, rules(replace=True))
        intake.take(session_of(1200))
        intake.take_splits((Split("S3", to_day_number(NEWEST[0]), 1.0, math.pi),))
        assert "that are stored stay as they are" in intake.report()[-1]
    assert content(filled)[1] == set(SPLITS)
