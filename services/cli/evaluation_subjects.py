"""What is evaluated: TechRating, the score with its parts, and the factors that were asked for, session by session."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.cli.evaluation_models import ServedModels
from services.cli.training_history import SCORE_COLUMNS, History
from services.gateway.candidates import Candidates
from services.gateway.ranking import score, standardise
from services.market.scoring import ScoringConfig

Array = NDArray[np.float64]

FEWEST: Final = 10
"""Sessions with alphas that make them worth a look."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A number a symbol and session, higher = better expected.

    Attributes:
        name: short.
        about: what it is, in a few words.
        values: (position, symbol) float64; NaN = missing.
        judged: (position,) bool, the sessions on which it may be judged.
    """

    name: str
    about: str
    values: Array
    judged: NDArray[np.bool_]


def make_subjects(
    history: History, config: ScoringConfig, models: ServedModels | None, factors: tuple[str, ...]
) -> tuple[Subject, ...]:
    """Make everything that is evaluated.

    Percentiles of the score are taken over all stocks that traded on the session, liquid or not.

    Args:
        history: with the factors among its columns.
        config: weights.
        models: None if the score goes without alphas.
        factors: columns to evaluate beside.
    """
    columns, every = history.columns, np.ones(len(history.positions), np.bool_)
    weights = config.score_weights
    plain = f"the score without models: {weights.alpha:.2f} more for TechRating"
    subjects = [
        Subject("tech_rating", "TechRating", columns["tech_rating"], every),
        Subject("score (no alpha)", plain, score_sessions(history, config, {}, every), every),
        Subject("dollar_vol_20", f"part of the score, {weights.dollar_volume:.2f}", columns["dollar_vol_20"], every),
        Subject("low atr_pct_14", f"part of the score, {weights.atr_pct:.2f}", -columns["atr_pct_14"], every),
    ]
    if models is not None:
        unseen = models.unseen(history.session_days)
        if unseen.sum() >= FEWEST:
            alphas = models.alphas(history, unseen)
            blend = _blend(history, config, alphas, unseen)
            with_alphas = score_sessions(history, config, alphas, unseen)
            subjects[1:1] = [
                Subject("score", "the score as a scan gives it", with_alphas, unseen),
                Subject("alpha", f"part of the score, {weights.alpha:.2f}: the models' alphas", blend, unseen),
            ]
    known = {subject.name for subject in subjects}
    subjects += [Subject(name, "factor", columns[name], every) for name in factors if name not in known]
    return tuple(subjects)


def score_sessions(
    history: History, config: ScoringConfig, alphas: dict[str, Array], judged: NDArray[np.bool_]
) -> Array:
    """Return the score of who traded on the judged sessions, (position, symbol) float64; NaN for all others.

    Args:
        history: with what the score reads.
        config: weights.
        alphas: (position, symbol) float64 by role; empty for the score without models.
        judged: (position,) bool.
    """
    found = np.full(history.traded.shape, np.nan)
    for position in np.flatnonzero(judged).tolist():
        there = history.traded[position]
        count = int(there.sum())
        candidates = Candidates(
            symbols=("",) * count,
            types=np.ones(count, np.int64),
            market_caps=np.full(count, np.nan),
            columns={name: history.columns[name][position, there] for name in SCORE_COLUMNS},
            flags=np.zeros(count, np.uint32),
            alphas={role: values[position, there] for role, values in alphas.items()},
        )
        found[position, there] = score(candidates, config)
    return found


def _blend(history: History, config: ScoringConfig, alphas: dict[str, Array], judged: NDArray[np.bool_]) -> Array:
    """Blend the alphas as the score does: (position, symbol) weighted sums of standardised alphas."""
    found = np.full(history.traded.shape, np.nan)
    for position in np.flatnonzero(judged).tolist():
        there = history.traded[position]
        found[position, there] = np.sum(
            [weight * standardise(alphas[role][position, there]) for role, weight in config.alpha_weights.items()],
            axis=0,
        )
    return found
