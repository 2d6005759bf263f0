"""`technic train`: from a file of bars to models with cards. Puts fetcher, scorer and inference code together.

1. Bars are read, and dividends taken out of their prices where a file knows them (`training_bars`).
2. Every 5th session's factors and returns become rows (`training_history`).
3. Each horizon is walked forward; a scan's scores are made of those predictions (`training_scores`).
4. Each model is judged and trained (`services.inference.train`), then judged on other bars (`training_eras`).
5. Model, card and page are written at the end, all at once.
"""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.cli import exits
from services.cli.evaluation_groups import label_sessions
from services.cli.model_page import draw_model_page
from services.cli.training_bars import StockBars, read_stocks, with_dividends
from services.cli.training_basis import compare_bases
from services.cli.training_eras import OtherBars, judge_era
from services.cli.training_history import UNIVERSE_RULE, History, make_history
from services.cli.training_progress import open_training_view
from services.cli.training_scores import score_walks
from services.cli.training_work import Work
from services.inference.findings import BasisGap, Findings, Source
from services.inference.keep import Say
from services.inference.model import Model
from services.inference.report import card_json, card_markdown
from services.inference.train import Task, Trained, train
from services.inference.training_set import TrainingSet
from services.inference.version_folder import CARD_FILE, MODEL_FILE, NOTES_FILE, REPORT_FILE
from services.inference.walk import Walk, walk
from services.market.errors import LocalDataError
from services.market.scoring import ScoringConfig
from services.market.sessions import from_day_number
from services.scorer.engine import FactorEngine


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to train, on which bars, what to judge it on, where to keep parts of it, and where to put it."""

    bars: Path
    universe: Path | None
    dividends: Path | None
    others: tuple[Path, ...]
    home: Path
    out: Path
    horizons: tuple[int, ...]


def run(request: TrainRequest) -> int:
    """Train a model for each horizon; a model's files are there all at once or not at all.

    Raises:
        LocalDataError: a file is absent or unfit, or a folder cannot be written to.
        ModelUnusableError: a leak check failed.
    """
    _make_folder(request.out)
    engine = FactorEngine(ScoringConfig.load())
    with open_training_view(sys.stderr) as say:
        say(f"reading {request.bars.name}")
        bars = with_dividends(read_stocks(request.bars, request.universe), request.bars, request.dividends)
        learned = _span(bars.stocks.session_days, np.array([0, len(bars.stocks.session_days) - 1]))
        others = [OtherBars.read(path, learned, engine, say) for path in request.others]
        history = _history(bars.on_price_basis(), engine, say)
        rows = {f"alpha_{horizon}": history.rows(horizon) for horizon in request.horizons}
        works = {
            name: Work.open(request.home, rows[name], horizon)
            for name, horizon in zip(rows, request.horizons, strict=True)
        }
        trained = _train(history, rows, works, engine, say)
        models = {name: Model(it.card, it.content) for name, it in trained.items()}
        gaps = _compare_bases(bars, history, models, engine, say)
        eras = [judge_era(other, models, engine.config) for other in others]
        for name, found in trained.items():
            its_eras = tuple(era[name] for era in eras if name in era)
            findings = Findings(found, _source(bars, rows[name], found), its_eras, gaps.get(name))
            folder = _write(request.out, findings, bars.stocks.session_days)
            say(f"{name}: {folder}, {len(found.content):,} bytes")
            works[name].drop()
    for name, found in trained.items():
        print(f"{name}: {found.card.training}")
    return exits.OK


def _history(bars: StockBars, engine: FactorEngine, say: Say) -> History:
    def progress(done: int, total: int) -> None:
        say(f"factors of {done:,} of {total:,} stocks", done, total)

    total = None if bars.bases is None else bars.bases.total
    return make_history(bars.stocks, bars.benchmark, engine, progress, total=total)


def _train(
    history: History, rows: Mapping[str, TrainingSet], works: Mapping[str, Work], engine: FactorEngine, say: Say
) -> dict[str, Trained]:
    """Walk over all horizons first: the score is made of all their predictions."""
    walks: dict[str, Walk] = {}
    for name, its_rows in rows.items():
        walks[name] = walk(its_rows, int(name.partition("_")[2]), works[name].keep, _named(say, name))
    scores, groups = score_walks(history, walks, engine.config), label_sessions(history)
    trained = {}
    for name, walked in walks.items():
        kept = history.kept(walked.horizon)
        task = Task(name, walked, {score: values[kept] for score, values in scores.items()}, groups)
        trained[name] = train(rows[name], task, works[name].keep, _named(say, name))
    return trained


def _named(say: Say, name: str) -> Say:
    def named(text: str, done: int = 0, total: int = 0) -> None:
        say(f"{name}: {text}", done, total)

    return named


def _compare_bases(
    bars: StockBars, history: History, models: Mapping[str, Model], engine: FactorEngine, say: Say
) -> dict[str, BasisGap]:
    if bars.bases is None:
        return {}
    say("factors of prices without dividends")
    total = make_history(bars.on_total_basis().stocks, bars.benchmark, engine, lambda *_: None)
    return {name: compare_bases(bars.bases, history, total, model) for name, model in models.items()}


def _source(bars: StockBars, rows: TrainingSet, trained: Trained) -> Source:
    days, sessions, tested = bars.stocks.session_days, rows.sessions(), trained.evaluation.model.positions
    first, last = _span(days, np.array([0, len(days) - 1]))
    return Source(
        files={file.name: file.sha256 for file in bars.files},
        universe_rule=UNIVERSE_RULE,
        first_day=first,
        last_day=last,
        learned=_span(days, sessions),
        tested=_span(days, tested),
        rows=len(rows),
        sessions=len(sessions),
    )


def _span(days: NDArray[np.int32], positions: NDArray[np.int64]) -> tuple[date, date]:
    return from_day_number(int(days[positions[0]])), from_day_number(int(days[positions[-1]]))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalDataError(f"the folder {folder} cannot be made: {error.strerror}") from None


def _write(folder: Path, findings: Findings, days: NDArray[np.int32]) -> Path:
    """Write a version beside its place, then put it there; a folder that starts with a dot is no version."""
    trained = findings.trained
    place = folder / trained.card.name / str(trained.card.version)
    made = place.with_name(f".{place.name}")
    try:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        (made / MODEL_FILE).write_bytes(trained.content)
        (made / CARD_FILE).write_text(card_json(findings))
        (made / NOTES_FILE).write_text(card_markdown(findings))
        (made / REPORT_FILE).write_text(draw_model_page(findings, days))
        if place.exists():
            shutil.rmtree(place)
        made.rename(place)
    except OSError as error:
        raise LocalDataError(f"{place} cannot be written: {error.strerror}") from None
    return place
