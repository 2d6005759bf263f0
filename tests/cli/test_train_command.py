"""`technic train` on a small generated market: models that can be served, or one clear line."""

import json
import re
import signal
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.cli.training_work import MOST_KEPT, Work
from services.inference.repository import ModelRepository
from services.market.errors import LocalDataError
from services.market.sessions import sessions_ending
from tests.cli.conftest import Technic, ended, line_with
from tests.inference.training_rows import make_rows
from tests.scorer.markets import walk

SESSIONS = 460
STOCKS = 40


def write_bars(path: Path, *, sessions: int = SESSIONS, benchmark: str = "SPY", last: date = date(2025, 6, 30)) -> Path:
    """Write bars of random walks; symbol S0 dies on the way."""
    days = sessions_ending(last, sessions)
    symbols = [*(f"S{number}" for number in range(STOCKS)), benchmark]
    bars = walk(len(symbols), seed=3, sessions=sessions)
    kept = np.ones((sessions, len(symbols)), np.bool_)
    kept[sessions - 90 :, 0] = False
    session, symbol = np.nonzero(kept)
    columns = {
        "symbol": [symbols[number] for number in symbol.tolist()],
        "date": [days[number] for number in session.tolist()],
        **{name: bars[place][kept] for place, name in enumerate(("open", "high", "low", "close", "volume"))},
    }
    pq.write_table(pa.table(columns), path)
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("bars") / "generated.parquet")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("earlier") / "earlier.parquet", sessions=320, last=date(2021, 6, 30))


async def test_trained_models_are_served_and_tell_what_they_are(
    technic: Technic, bars: Path, earlier: Path, tmp_path: Path
) -> None:
    out, home = tmp_path / "made" / "models", tmp_path / "home"
    paths = ("--bars", str(bars), "--judge", str(earlier), "--out", str(out), "--home", str(home))
    outcome = await technic.run("train", *paths)
    assert outcome.code == 0, outcome.err
    assert [line.partition(":")[0] for line in outcome.out.splitlines()] == ["alpha_5", "alpha_10"]
    repository = ModelRepository(out)
    repository.load_all()
    assert repository.ready
    assert repository.model("alpha_5").card.horizon_sessions == 5
    assert names_in(out / "alpha_5/1") == ["README.md", "card.json", "model.ubj", "report.html"]
    assert names_in(out / "alpha_5") == ["1"]
    card = json.loads((out / "alpha_5/1/card.json").read_text())
    assert list(card["trained_on"]["files"]) == ["generated.parquet"]
    assert set(card["evaluation"]["scores"]) == {"score with these alphas", "score without alphas"}
    assert "profile conservative" in card["evaluation"]["model"]["slices"]
    (era,) = card["other_eras"]
    assert (era["bars"], era["last"]) == ("earlier.parquet", "2021-06-28")
    assert era["results"]["model"]["skill"]["sessions"] == 13
    page = (out / "alpha_5/1/report.html").read_text()
    assert "earlier.parquet" in page
    assert "NaN" not in page
    assert re.findall(r"https?:|<script|<link|<img|@import|url\(|src=", page) == []
    for name in ("README.md", "card.json", "report.html"):
        assert str(tmp_path) not in (out / "alpha_5/1" / name).read_text()
    assert names_in(home / "training") == []
    # The walk forward is not shown on stdout.
    assert "block 6 of 6" in outcome.err


async def test_an_interrupted_training_goes_on_where_it_was(technic: Technic, bars: Path, tmp_path: Path) -> None:
    out, home = tmp_path / "out", tmp_path / "home"
    paths = ("--bars", str(bars), "--out", str(out), "--home", str(home), "--horizons", "5")
    async with technic.started("services.cli", "train", *paths) as process:
        await line_with(process.stderr, "walking forward, block 3")
        process.send_signal(signal.SIGINT)
        outcome = await ended(process)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "technic: cancelled"
    assert names_in(out) == []
    (work,) = (home / "training").iterdir()
    assert {"rounds-1", "block-1", "rounds-2", "block-2"} <= set(names_in(work))
    # What was kept is taken as it is: a block that never learned is told from one that did.
    planted = (work / "block-2").read_bytes()
    (work / "block-1").write_bytes(planted)
    assert (await technic.run("train", *paths)).code == 0
    resumed = json.loads((out / "alpha_5/1/card.json").read_text())
    assert (await technic.run("train", *paths)).code == 0
    anew = json.loads((out / "alpha_5/1/card.json").read_text())
    assert resumed["sha256"] != anew["sha256"]
    assert resumed["evaluation"]["best_rounds"] == anew["evaluation"]["best_rounds"]


def test_a_kept_part_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    work = Work(tmp_path / "work")
    assert work.keep("part", lambda: b"made") == b"made"
    assert work.keep("part", lambda: b"made again") == b"made"
    path = tmp_path / "work" / "part"
    path.write_bytes(path.read_bytes()[:-1])
    assert work.keep("part", lambda: b"made again") == b"made again"
    assert names_in(tmp_path / "work") == ["part"]
    work.drop()
    assert names_in(tmp_path) == []


def test_works_that_never_ended_are_few_and_belong_to_their_rows(tmp_path: Path) -> None:
    rows = make_rows(sessions=30, symbols=20)
    for horizon in range(1, 10):
        Work.open(tmp_path, rows, horizon).keep("part", lambda: b"made")
    assert len(names_in(tmp_path / "training")) == MOST_KEPT
    assert Work.open(tmp_path, rows, 9).keep("part", lambda: b"other") == b"made"
    other = replace(rows, returns=rows.returns + 1e-12)
    assert Work.open(tmp_path, other, 9).keep("part", lambda: b"other") == b"other"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalDataError, match="cannot be written"):
        Work(tmp_path / "file" / "work").keep("part", lambda: b"made")


async def test_a_file_that_is_not_there_is_one_clear_line(technic: Technic, tmp_path: Path) -> None:
    outcome = await technic.run("train", "--bars", str(tmp_path / "none.parquet"), "--out", str(tmp_path / "out"))
    assert outcome.code == 2
    assert "there is no file" in outcome.err.splitlines()[-1]
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("sessions", "benchmark", "text"),
    [(200, "SPY", "200 sessions; it takes 252"), (300, "SPX", "no bars of SPY"), (300, "SPY", "at least 24")],
)
async def test_bars_that_do_not_do_are_named(
    technic: Technic, tmp_path: Path, sessions: int, benchmark: str, text: str
) -> None:
    path = write_bars(tmp_path / "bars.parquet", sessions=sessions, benchmark=benchmark)
    outcome = await technic.run("train", "--bars", str(path), "--out", str(tmp_path / "out"))
    assert outcome.code == 2
    assert text in outcome.err.splitlines()[-1]


@pytest.mark.parametrize("horizons", ["5,", "0", "61", "five", ""])
async def test_horizons_that_are_none_are_refused(technic: Technic, bars: Path, tmp_path: Path, horizons: str) -> None:
    outcome = await technic.run("train", "--bars", str(bars), "--out", str(tmp_path), "--horizons", horizons)
    assert outcome.code == 2
    assert "--horizons" in outcome.err


async def test_other_bars_must_have_sessions_that_are_not_learned_from(
    technic: Technic, bars: Path, tmp_path: Path
) -> None:
    outcome = await technic.run("train", "--bars", str(bars), "--judge", str(bars), "--out", str(tmp_path))
    assert outcome.code == 2
    assert "0 sessions that are not learned from" in outcome.err.splitlines()[-1]
    assert "walking forward" not in outcome.err
