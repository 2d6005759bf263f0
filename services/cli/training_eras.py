"""How trained models do on other bars: sessions that they have not seen, years before or months after their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.cli.evaluation_groups import label_sessions
from services.cli.evaluation_models import outside, predict_models
from services.cli.evaluation_subjects import FEWEST, score_sessions
from services.cli.training_bars import read_stocks
from services.cli.training_history import History, make_history
from services.cli.training_scores import SCORE
from services.inference.appraise import Appraisal, appraise
from services.inference.evaluation import MODEL
from services.inference.findings import Era
from services.inference.keep import Say
from services.inference.model import Model
from services.market.errors import LocalDataError
from services.market.scoring import ScoringConfig
from services.market.sessions import from_day_number
from services.scorer.engine import FactorEngine

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OtherBars:
    """Bars of another era, as they are: nothing is learned from them, and who is listed today does not matter.

    Names of today only tell what is no stock; symbols that they do not know stay.

    Attributes:
        name: of the file.
        sha256: of the file.
        history: of its stocks.
        unseen: (position,) bool, sessions outside of the bars that are learned from.
    """

    name: str
    sha256: str
    history: History
    unseen: NDArray[np.bool_]

    @classmethod
    def read(cls, path: Path, learned: tuple[date, date], engine: FactorEngine, say: Say) -> Self:
        """Read a file of bars, and compute its factors.

        Raises:
            LocalDataError: it is absent or unfit, or nearly all of its sessions are learned from.
        """
        say(f"reading {path.name}")
        bars = read_stocks(path, None)

        def progress(done: int, total: int) -> None:
            say(f"factors of {path.name}: {done:,} of {total:,} stocks", done, total)

        history = make_history(bars.stocks, bars.benchmark, engine, progress)
        unseen = outside(history.session_days, *learned)
        if unseen.sum() < FEWEST:
            raise LocalDataError(f"{path} has {unseen.sum()} sessions that are not learned from, too few to judge by")
        return cls(bars.files[0].name, bars.files[0].sha256, history, unseen)


def judge_era(other: OtherBars, models: Mapping[str, Model], config: ScoringConfig) -> dict[str, Era]:
    """Judge models on the sessions that they have not seen.

    Args:
        other: the bars.
        models: by role.
        config: weights of the score.

    Returns:
        An era by role; none for a role whose horizon leaves too few sessions or stocks.
    """
    history, unseen = other.history, other.unseen
    alphas = predict_models(models, history, unseen)
    scored = config.alpha_weights.keys() <= alphas.keys()
    scores = {SCORE: score_sessions(history, config, alphas, unseen)} if scored else {}
    days = [from_day_number(int(day)) for day in history.session_days[unseen]]
    found = {}
    for role, model in models.items():
        subjects = {MODEL: alphas[role], **scores}
        results = _appraise(history, subjects, unseen, model.card.horizon_sessions)
        if MODEL in results:
            found[role] = Era(other.name, other.sha256, days[0], days[-1], results)
    return found


def _appraise(
    history: History, values: Mapping[str, Array], judged: NDArray[np.bool_], horizon: int
) -> dict[str, Appraisal]:
    """Appraise numbers, and the rivals that are no model, on the judged sessions."""
    kept = history.kept(horizon)
    rows = history.rows(horizon).bare()
    there = judged[np.searchsorted(history.positions, rows.positions)]
    rows = rows.of(there)
    subjects = {name: column[kept][there] for name, column in values.items()} | rows.rivals
    labels = label_sessions(history)
    found = {name: appraise(column, rows, horizon, labels) for name, column in subjects.items()}
    return {name: appraisal for name, appraisal in found.items() if appraisal is not None}
