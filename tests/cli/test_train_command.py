"""`technic train` on a small generated market: models that can be served, or one clear line."""

import json
import signal
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.inference.repository import ModelRepository
from services.market.sessions import sessions_ending
from tests.cli.conftest import Technic, ended, line_with
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


async def test_trained_models_are_served_and_tell_what_they_are(technic: Technic, bars: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "models"
    outcome = await technic.run("train", "--bars", str(bars), "--out", str(out), "--horizons", "5")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("alpha_5: trained on ")
    repository = ModelRepository(out)
    repository.load_all()
    assert repository.ready
    assert repository.model("alpha_5").card.horizon_sessions == 5
    card = json.loads((out / "alpha_5/1/card.json").read_text())
    assert list(card["trained_on"]["files"]) == ["generated.parquet"]
    assert str(tmp_path) not in (out / "alpha_5/1/card.json").read_text()
    assert names_in(out / "alpha_5/1") == ["README.md", "card.json", "model.ubj"]
    assert names_in(out / "alpha_5") == ["1"]
    # The walk forward is not shown on stdout.
    assert "block 6 of 6" in outcome.err
    assert len(outcome.out.splitlines()) == 1


async def test_an_interrupted_training_leaves_tidily_and_no_model(technic: Technic, bars: Path, tmp_path: Path) -> None:
    async with technic.started("services.cli", "train", "--bars", str(bars), "--out", str(tmp_path)) as process:
        await line_with(process.stderr, "walking forward, block 2")
        process.send_signal(signal.SIGINT)
        outcome = await ended(process)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "technic: cancelled"
    assert names_in(tmp_path) == []


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
