"""How well predictions order the returns that followed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.inference.estimates import Estimate, count_lags, estimate, newey_west_error
from services.inference.labels import demean, percentiles, ranks, winsorise
from services.inference.training_set import TrainingSet, by_session

Array = NDArray[np.float64]
Positions = NDArray[np.int64]

COST = 0.001
"""Cost of buying or of selling, a fraction of the amount: 10 basis points a side."""
FEWEST_SYMBOLS, FEWEST_SESSIONS = 20, 10
"""Sessions with fewer rows are not looked at: their tenths would be one or two names. With fewer sessions, none is."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Earned a period by holding the highest tenth of predictions and selling short the lowest, equal weights.

    Attributes:
        gross: mean of raw returns, a fraction a period of the horizon.
        net: after `COST` a side on what is replaced.
        net_t: Newey-West t of the net figure.
        turnover: share of a tenth that is replaced from one period to the next.
        periods: periods, which do not overlap.
    """

    gross: float
    net: float
    net_t: float
    turnover: float
    periods: int


@dataclass(frozen=True, slots=True)
class Skill:
    """What predictions were worth, over sessions that lie 5 apart.

    Attributes:
        sessions: sessions looked at.
        symbols: mean number of rows a session.
        ic: Pearson correlation within a session with returns winsorised at 1 and 99 %.
        raw_ic: mean of the same with returns as they are.
        rank_ic: Spearman correlation within a session.
        spread: of the tenths.
    """

    sessions: int
    symbols: float
    ic: Estimate
    raw_ic: float
    rank_ic: Estimate
    spread: Spread


def measure(prediction: Array, rows: TrainingSet, horizon: int) -> Skill:
    """Compare predictions with the returns of their rows.

    Args:
        prediction: (row,) float64, any unit, higher = more return expected; NaN counts as the session's median.
        rows: what was predicted; broad enough.
        horizon: sessions of the returns.
    """
    overlap = count_overlap(rows, horizon)
    place = percentiles(prediction, rows.positions)
    filled, ic = _filled(prediction, rows), session_ics(prediction, rows)
    rank_ic = rank_correlations(place, rows.returns, rows.positions)
    return Skill(
        sessions=len(ic),
        symbols=len(rows) / len(ic),
        ic=estimate(ic, overlap),
        raw_ic=float(correlations(filled, rows.returns, rows.positions).mean()),
        rank_ic=estimate(rank_ic, overlap),
        spread=spread(place, rows, overlap + 1),
    )


def session_ics(prediction: Array, rows: TrainingSet) -> Array:
    """Correlate predictions with winsorised returns within each session: (session,) float64."""
    return correlations(_filled(prediction, rows), winsorise(rows.returns, rows.positions), rows.positions)


def _filled(prediction: Array, rows: TrainingSet) -> Array:
    return np.where(np.isnan(prediction), _medians(prediction, rows.positions), prediction)


def count_overlap(rows: TrainingSet, horizon: int) -> int:
    """Count the next sessions with rows that begin before the returns of one have ended."""
    spacing = int(np.median(np.diff(rows.sessions())))
    return -(-horizon // spacing) - 1


def broad(rows: TrainingSet) -> NDArray[np.bool_]:
    """Tell which rows are of sessions with enough of them to compare: (row,) bool; none if such sessions are few."""
    found = np.zeros(len(rows), np.bool_)
    sessions = [session for session in _sessions(rows) if session.stop - session.start >= FEWEST_SYMBOLS]
    for session in sessions if len(sessions) >= FEWEST_SESSIONS else ():
        found[session] = True
    return found


def correlations(a: Array, b: Array, positions: Positions) -> Array:
    """Correlate within each session: (session,) float64; 0 where one of the two does not vary."""
    a, b = demean(a, positions), demean(b, positions)
    found = []
    for rows in by_session(positions):
        scale = float(np.sqrt((a[rows] ** 2).sum() * (b[rows] ** 2).sum()))
        found.append(float((a[rows] * b[rows]).sum()) / scale if scale else 0.0)
    return np.array(found)


def rank_correlations(place: Array, returns: Array, positions: Positions) -> Array:
    """Correlate (row,) percentiles of predictions with the ranks of returns: (session,) Spearman correlations."""
    return correlations(place, _each(ranks, returns, positions), positions)


def spread(place: Array, rows: TrainingSet, every: int) -> Spread:
    """Trade the tenths of every n-th session, from one to the next, and count what it costs.

    Args:
        place: (row,) percentiles of the predictions within their sessions.
        rows: what was predicted.
        every: sessions of rows in a period, so that periods do not overlap.
    """
    gross, replaced = [], []
    held: tuple[set[int], set[int]] | None = None
    for session in _sessions(rows)[::every]:
        top, bottom = place[session] > 0.9, place[session] < 0.1
        if not (top.any() and bottom.any()):  # all alike
            top = bottom = np.ones(len(top), np.bool_)
        gross.append(rows.returns[session][top].mean() - rows.returns[session][bottom].mean())
        names = set(rows.symbols[session][top].tolist()), set(rows.symbols[session][bottom].tolist())
        replaced.append([len(new - old) / len(new) for new, old in zip(names, held or names, strict=True)])
        held = names
    shares = np.array(replaced)
    # What leaves is sold and what comes is bought, on either side.
    net = np.array(gross) - 2 * COST * shares.sum(axis=1)
    error = newey_west_error(net, count_lags(len(net), 0))
    turnover = float(shares[1:].mean()) if len(shares) > 1 else 0.0
    return Spread(
        float(np.mean(gross)), float(net.mean()), float(net.mean()) / error if error else 0.0, turnover, len(net)
    )


def without_styles(prediction: Array, rows: TrainingSet) -> Array:
    """Return what is left of the predictions' percentiles after a regression on those of the styles, by session."""
    place = percentiles(prediction, rows.positions)
    styles = np.column_stack([np.ones(len(rows)), *(percentiles(v, rows.positions) for v in rows.styles.values())])
    left = np.empty(len(rows))
    for session in _sessions(rows):
        weights = np.linalg.lstsq(styles[session], place[session], rcond=None)[0]
        left[session] = place[session] - styles[session] @ weights
    return left


def _sessions(rows: TrainingSet) -> list[slice]:
    return list(by_session(rows.positions))


def _each(function: Callable[[Array], Array | float], values: Array, positions: Positions) -> Array:
    found = np.empty(len(values))
    for rows in by_session(positions):
        found[rows] = function(values[rows])
    return found


def _medians(values: Array, positions: Positions) -> Array:
    def median(x: Array) -> float:
        known = x[~np.isnan(x)]
        return float(np.median(known)) if len(known) else 0.0

    return _each(median, values, positions)
