"""`technic evaluate` on a small generated market: tables, JSON, a page that needs nothing else, or one clear line."""

import json
import re
import signal
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.cli.evaluate import EvaluateRequest, run
from services.cli.evaluation_models import ServedModels
from services.cli.evaluation_subjects import make_subjects
from services.cli.training_bars import read_stocks
from services.cli.training_history import History, make_history
from services.inference.settings import InferenceSettings
from services.market.errors import LocalDataError, ModelUnusableError
from services.market.scoring import ScoringConfig
from services.scorer.engine import FactorEngine
from tests.cli.conftest import Technic, ended, line_with
from tests.cli.test_train_command import STOCKS, names_in, write_bars

DOCS = Path(__file__).parents[2] / "docs" / "evaluation.md"
BEFORE_THE_MODELS = date(2021, 6, 30)
CONFIG = ScoringConfig.load()


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("bars") / "<generated>.parquet")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("earlier") / "earlier.parquet", sessions=320, last=BEFORE_THE_MODELS)


def request(bars: Path, page: Path | None = None) -> EvaluateRequest:
    return EvaluateRequest(bars, universe=None, factors=(), horizons=(5,), form="json", page=page)


async def test_tables_go_to_stdout_and_a_page_of_its_own_to_its_file(
    technic: Technic, bars: Path, tmp_path: Path
) -> None:
    page = tmp_path / "made" / "report.html"
    outcome = await technic.run("evaluate", "--bars", str(bars), "--factor", "close_over_sma_100", "--out", str(page))
    assert outcome.code == 0, outcome.err
    assert "Rank IC over 10 sessions not told from 0: " in outcome.out
    for text in (
        "returns of 5 sessions",
        "returns of 20 sessions",
        "tech_rating",
        "score (no alpha)",
        "close_over_sma_100",
        "2025",
    ):
        assert text in outcome.out
    assert "all but 0 of the sessions here" in outcome.out  # the models have seen these years
    assert all(len(line) <= 120 for line in outcome.out.splitlines())
    assert "\u2026" not in outcome.out  # nothing is cut off
    assert "comparing with the returns of 10 sessions" in outcome.err
    assert names_in(page.parent) == ["report.html"]
    drawn = page.read_text()
    assert drawn.count("<svg") == drawn.count("</svg>") == 3 + 1 + 2 * 5
    assert "&lt;generated&gt;.parquet" in drawn
    assert "NaN" not in drawn
    assert re.findall(r"https?:|<script|<link|<img|@import|url\(|src=", drawn) == []


def test_json_has_every_figure_and_the_score_by_models_that_have_not_seen_the_years(
    earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(request(earlier)) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    subjects = document["subjects"]
    assert list(subjects) == ["tech_rating", "score", "alpha", "score (no alpha)", "dollar_vol_20", "low atr_pct_14"]
    figures = subjects["score"]["horizons"]["5"]
    assert figures["skill"]["rank_ic"]["low"] <= 0 <= figures["skill"]["rank_ic"]["high"]  # these bars are noise
    assert len(figures["tenths"]) == 10
    assert len(figures["sessions"]) == len(figures["rank_ics"]) == figures["skill"]["sessions"]
    assert set(figures["groups"]) == {"year", "quarter", "trend", "volatility"}
    assert "by models that were trained on later years" in document["notes"][0]
    assert document["last_session"] <= BEFORE_THE_MODELS.isoformat()


async def test_an_interrupted_evaluation_leaves_tidily_and_no_page(
    technic: Technic, bars: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    async with technic.started("services.cli", "evaluate", "--bars", str(bars), "--out", str(page)) as process:
        await line_with(process.stderr, "comparing with the returns of 5")
        process.send_signal(signal.SIGINT)
        outcome = await ended(process)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "technic: cancelled"
    assert outcome.out == ""
    assert names_in(tmp_path) == []


async def test_a_factor_that_is_none_is_one_clear_line(technic: Technic, earlier: Path) -> None:
    outcome = await technic.run("evaluate", "--bars", str(earlier), "--factor", "ret_5,rsi_15")
    assert outcome.code == 2
    assert outcome.err.splitlines() == ["technic: --factor 'rsi_15' is none: did you mean rsi_14, trix_15, rsi_2?"]
    assert outcome.out == ""


def test_a_page_that_cannot_be_written_is_named(earlier: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalDataError, match=r"report\.html cannot be written"):
        run(request(earlier, page=tmp_path / "file" / "report.html"))


def test_bars_that_are_too_short_are_named(tmp_path: Path) -> None:
    with pytest.raises(LocalDataError, match="too few sessions"):
        run(request(write_bars(tmp_path / "bars.parquet", sessions=270)))


@pytest.fixture(scope="module")
def history(earlier: Path) -> History:
    read = read_stocks(earlier, None)
    columns = ("tech_rating", "dollar_vol_20", "atr_pct_14", "ret_5")
    return make_history(read.stocks, read.benchmark, FactorEngine(CONFIG), lambda *_: None, columns)


def percentile(values: list[float]) -> list[float]:
    """Plain average ranks."""
    places = [sum(other < value for other in values) + values.count(value) / 2 for value in values]
    return [place / len(values) for place in places]


def test_the_score_of_a_session_is_that_of_its_scan(history: History) -> None:
    subjects = {subject.name: subject for subject in make_subjects(history, CONFIG, None, ("ret_5", "tech_rating"))}
    assert list(subjects) == ["tech_rating", "score (no alpha)", "dollar_vol_20", "low atr_pct_14", "ret_5"]
    position = 7
    there = history.traded[position]
    assert there.sum() == STOCKS - 1  # S0 has died
    parts = [history.columns[name][position, there].tolist() for name in ("tech_rating", "dollar_vol_20", "atr_pct_14")]
    rating, dollars, atr = (percentile(part) for part in parts)
    weights = CONFIG.score_weights
    wanted = [
        100 * ((weights.tech_rating + weights.alpha) * r + weights.dollar_volume * d + weights.atr_pct * (1 - a))
        for r, d, a in zip(rating, dollars, atr, strict=True)
    ]
    np.testing.assert_allclose(subjects["score (no alpha)"].values[position, there], wanted, rtol=1e-12)
    assert (subjects["low atr_pct_14"].values[position] == -history.columns["atr_pct_14"][position]).all()


def test_alphas_stand_where_the_models_have_not_been(history: History) -> None:
    models = ServedModels.read(InferenceSettings().models_path, tuple(CONFIG.alpha_weights), history.names)
    assert models.unseen(history.session_days).all()
    some = np.arange(len(history.positions)) < 3
    alphas = models.alphas(history, some)["alpha_5"]
    assert np.isfinite(alphas[:3][history.traded[:3]]).all()
    assert np.isnan(alphas[3:]).all()
    later = ServedModels(models.models, date(2020, 1, 1), date(2025, 1, 1))
    assert not later.unseen(history.session_days).any()
    assert len(make_subjects(history, CONFIG, later, ())) == 4


def test_models_of_other_features_are_not_asked(history: History, tmp_path: Path) -> None:
    folder, roles = InferenceSettings().models_path, tuple(CONFIG.alpha_weights)
    with pytest.raises(ModelUnusableError, match="alpha_5 takes ret_1@1, which"):
        ServedModels.read(folder, roles, history.names[1:])
    with pytest.raises(ModelUnusableError, match="alpha_5"):
        ServedModels.read(tmp_path, roles, history.names)


async def test_the_documents_commands_are_taken(technic: Technic) -> None:
    commands = re.findall(r"^\.venv/bin/technic (evaluate .*)$", DOCS.read_text(), re.MULTILINE)
    assert commands
    known = (await technic.run("evaluate", "--help")).out
    assert [flag for command in commands for flag in re.findall(r"--\w+", command) if flag not in known] == []
