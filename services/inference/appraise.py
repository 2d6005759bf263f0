"""How well any number a symbol orders the returns that followed, as a whole and by year, regime and liquidity."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.inference.estimates import Estimate, estimate
from services.inference.evaluate import (
    FEWEST_SESSIONS,
    Skill,
    broad,
    count_overlap,
    measure,
    rank_correlations,
    session_ics,
    without_styles,
)
from services.inference.labels import percentiles
from services.inference.tenths import Tenth, measure_tenths, tenth_returns
from services.inference.training_set import TrainingSet

Array = NDArray[np.float64]
Labels = Mapping[str, Mapping[int, str]]
"""Label of a session by its position, by kind of label: year, trend, volatility."""


@dataclass(frozen=True, slots=True)
class Group:
    """Figures of the sessions that have one label.

    Attributes:
        sessions: how many.
        ic: their IC; None if they are fewer than `FEWEST_SESSIONS`.
        rank_ic: their Rank IC; None likewise.
        spread: highest less lowest tenth before costs, a fraction a horizon, over all sessions; None likewise.
    """

    sessions: int
    ic: Estimate | None
    rank_ic: Estimate | None
    spread: Estimate | None


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What a number was worth over one horizon.

    Attributes:
        skill: over all sessions.
        slices: over parts of the universe; None if such names are too few.
        without_styles: Rank IC of what is left when known styles are taken out.
        neutral: Rank IC with returns less beta times the market's.
        tenths: from the lowest to the highest.
        groups: by kind of label and label.
        positions: (session,) int64, sessions looked at.
        rank_ics: (session,) float64, Rank IC of each.
    """

    skill: Skill
    slices: dict[str, Skill | None]
    without_styles: Estimate
    neutral: Estimate
    tenths: tuple[Tenth, ...]
    groups: dict[str, dict[str, Group]]
    positions: NDArray[np.int64]
    rank_ics: Array


def appraise(values: Array, rows: TrainingSet, horizon: int, labels: Labels) -> Appraisal | None:
    """Compare a number with the returns of its rows.

    Args:
        values: (row,) float64, any unit, higher = more return expected; NaN counts as the session's median.
        rows: symbols and sessions with their returns over the horizon.
        horizon: sessions of the returns.
        labels: for the groups; every session of the rows has a label of each kind.

    Returns:
        None if fewer than `FEWEST_SESSIONS` sessions have enough names.
    """
    rows, values = _broad(rows, values)
    if not len(rows):
        return None
    overlap, positions = count_overlap(rows, horizon), rows.positions
    place = percentiles(values, positions)
    rank_ics = rank_correlations(place, rows.returns, positions)
    # Rounded: of a style itself nothing is left but errors of the arithmetic, which must not be ranked.
    residual = percentiles(without_styles(values, rows).round(9), positions)
    return Appraisal(
        skill=measure(values, rows, horizon),
        slices={name: _slice(values, rows, chosen, horizon) for name, chosen in rows.slices.items()},
        without_styles=estimate(rank_correlations(residual, rows.returns, positions), overlap),
        neutral=estimate(rank_correlations(place, rows.neutral, positions), overlap),
        tenths=measure_tenths(place, rows, overlap + 1),
        groups=_groups(session_ics(values, rows), rank_ics, place, rows, overlap, labels),
        positions=rows.sessions(),
        rank_ics=rank_ics,
    )


def decay(values: Array, rows: TrainingSet) -> dict[int, Estimate]:
    """Return the Rank IC of a number with the returns over the other horizons of its rows, as far as they are known."""
    found = {}
    for horizon, returns in rows.later.items():
        known = np.isfinite(returns)
        judged, judged_values = _broad(replace(rows.of(known), returns=returns[known]), values[known])
        if len(judged):
            place = percentiles(judged_values, judged.positions)
            rank_ics = rank_correlations(place, judged.returns, judged.positions)
            found[horizon] = estimate(rank_ics, count_overlap(judged, horizon))
    return found


def _broad(rows: TrainingSet, values: Array) -> tuple[TrainingSet, Array]:
    kept = broad(rows)
    return rows.of(kept), values[kept]


def _slice(values: Array, rows: TrainingSet, chosen: NDArray[np.bool_], horizon: int) -> Skill | None:
    part, values = _broad(rows.of(chosen), values[chosen])
    return measure(values, part, horizon) if len(part) else None


def _groups(
    ics: Array, rank_ics: Array, place: Array, rows: TrainingSet, overlap: int, labels: Labels
) -> dict[str, dict[str, Group]]:
    tenths = tenth_returns(place, rows)
    # Where ties leave an end empty there is nothing to hold.
    spreads = np.nan_to_num(tenths[:, -1] - tenths[:, 0])
    found: dict[str, dict[str, Group]] = {}
    for kind, label_of in labels.items():
        session_labels = np.array([label_of[position] for position in rows.sessions().tolist()])
        found[kind] = {}
        for label in sorted(set(session_labels.tolist())):
            chosen = session_labels == label
            enough = chosen.sum() >= FEWEST_SESSIONS
            found[kind][label] = Group(
                sessions=int(chosen.sum()),
                ic=estimate(ics[chosen], overlap) if enough else None,
                rank_ic=estimate(rank_ics[chosen], overlap) if enough else None,
                spread=estimate(spreads[chosen], overlap) if enough else None,
            )
    return found
