"""`technic evaluate`: how well TechRating, the score and factors ordered the returns that followed."""

import difflib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.cli import exits
from services.cli.evaluation import RatingReport
from services.cli.evaluation_groups import label_sessions
from services.cli.evaluation_models import ServedModels
from services.cli.evaluation_page import draw_page
from services.cli.evaluation_subjects import FEWEST, Subject, make_subjects
from services.cli.evaluation_tables import print_tables
from services.cli.options import Format
from services.cli.training_bars import StockBars, read_stocks
from services.cli.training_history import UNIVERSE_RULE, History, make_history
from services.inference.appraise import Appraisal, Labels, appraise
from services.inference.settings import InferenceSettings
from services.market.errors import InvalidRequestError, LocalDataError, ModelUnusableError
from services.market.scoring import ScoringConfig
from services.market.sessions import from_day_number
from services.scorer.engine import FactorEngine

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """What to evaluate, on which bars, and where to put the page; None: no page."""

    bars: Path
    universe: Path | None
    factors: tuple[str, ...]
    horizons: tuple[int, ...]
    form: Format
    page: Path | None


def run(request: EvaluateRequest) -> int:
    """Evaluate; tables or JSON go to stdout, progress to stderr.

    Raises:
        InvalidRequestError: a factor is unknown.
        LocalDataError: a file is absent or unfit, there are too few sessions, or the page cannot be written.
    """
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    engine = FactorEngine(ScoringConfig.load())
    _check_factors(request.factors, engine)
    say(f"reading {request.bars.name}")
    bars = read_stocks(request.bars, request.universe)
    history = make_history(
        bars.stocks,
        bars.benchmark,
        engine,
        lambda done, total: say(f"factors of {done:,} of {total:,} stocks"),
        request.factors,
    )
    report = _evaluate(request, bars, history, engine.config, say)
    if request.page is not None:
        _write(request.page, draw_page(report))
        say(f"page: {request.page}")
    if request.form == "json":
        print(json.dumps(report.document(), indent=1))
    else:
        print_tables(report, sys.stdout)
    return exits.OK


def _check_factors(factors: tuple[str, ...], engine: FactorEngine) -> None:
    for name in factors:
        if name not in engine.columns:
            near = difflib.get_close_matches(name, engine.columns, 3)
            hint = f": did you mean {', '.join(near)}?" if near else f"; there are {len(engine.columns)}, like rsi_14"
            raise InvalidRequestError(f"--factor {name!r} is none{hint}")


def _evaluate(
    request: EvaluateRequest, bars: StockBars, history: History, config: ScoringConfig, say: Say
) -> RatingReport:
    models, notes = _models(config, history)
    subjects = make_subjects(history, config, models, request.factors)
    labels = label_sessions(history)
    results: dict[str, dict[int, Appraisal]] = {}
    for horizon in request.horizons:
        say(f"comparing with the returns of {horizon} sessions")
        for subject, appraisal in _appraise(history, subjects, horizon, labels):
            if appraisal is not None:
                results.setdefault(subject.name, {})[horizon] = appraisal
    if not results:
        raise LocalDataError("too few sessions, or too few stocks a session, to compare anything with what followed")
    return RatingReport(
        bars=request.bars.name,
        files={file.name: file.sha256 for file in bars.files},
        universe_rule=UNIVERSE_RULE,
        stocks=len(bars.stocks.symbols),
        days=bars.stocks.session_days,
        sessions=history.positions,
        horizons=request.horizons,
        about={subject.name: subject.about for subject in subjects},
        results=results,
        notes=notes,
    )


def _models(config: ScoringConfig, history: History) -> tuple[ServedModels | None, tuple[str, ...]]:
    """Read the models that a scan would ask, and say what of them can be used."""
    try:
        models = ServedModels.read(InferenceSettings().models_path, tuple(config.alpha_weights), history.names)
    except ModelUnusableError as error:
        return None, (f"The score goes without alphas: {error.message}.",)
    seen = f"{models.first_day} to {models.last_day}"
    unseen = int(models.unseen(history.session_days).sum())
    if unseen < FEWEST:
        return None, (
            f"The score goes without alphas: the models have seen {seen}, all but {unseen} of the sessions here.",
        )
    days = history.session_days[models.unseen(history.session_days)]
    first, last = from_day_number(int(days[0])), from_day_number(int(days[-1]))
    later = ", by models that were trained on later years" if first < models.first_day else ""
    span = f"{unseen} sessions, {first} to {last}"
    return models, (f"Alphas, and the score with them, stand on {span}{later}: the models have seen {seen}.",)


def _appraise(
    history: History, subjects: tuple[Subject, ...], horizon: int, labels: Labels
) -> list[tuple[Subject, Appraisal | None]]:
    rows, kept = history.rows(horizon), history.kept(horizon)
    place = np.searchsorted(history.positions, rows.positions)
    found = []
    for subject in subjects:
        judged = subject.judged[place]
        found.append((subject, appraise(subject.values[kept][judged], rows.bare().of(judged), horizon, labels)))
    return found


def _write(path: Path, text: str) -> None:
    """Write the page beside its place, then put it there."""
    made = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(text)
        made.replace(path)
    except OSError as error:
        raise LocalDataError(f"{path} cannot be written: {error.strerror}") from None
