"""From factors and alphas to ranked rows: percentiles, the score, flags, filters, the order. Pure and vectorised."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.gateway.candidates import Candidates, Floats
from services.gateway.filters import select
from services.gateway.order import bound_sectors, ordered
from services.gateway.selection import EVERYTHING, Selection, Sort
from services.market.omission import Omission
from services.market.scoring import FlagThresholds, RatingWeights, ScoringConfig
from services.market.signals import signals
from services.market.trading import Profile, Style
from services.market.vocabulary import SHORTS, Flag, SymbolType

STOCKS: Final = (SymbolType.COMMON, SymbolType.ADR)


@dataclass(frozen=True, slots=True)
class Ranking:
    """What became of the candidates; rows are positions in them.

    Attributes:
        order: rows in their order, best first.
        shorts: short candidates in theirs, if they are a list of their own; empty otherwise.
        scores: (symbol,) float64, 0 to 100.
        signals: (symbol,) int, numbers of `Signal`.
        flags: (symbol,) uint32, bits of `Flag`.
        omissions: what was filtered.
    """

    order: NDArray[np.int64]
    shorts: NDArray[np.int64]
    scores: Floats
    signals: NDArray[np.int64]
    flags: NDArray[np.uint32]
    omissions: tuple[Omission, ...]

    @property
    def rows(self) -> NDArray[np.int64]:
        """All rows, of both lists."""
        return np.concatenate((self.order, self.shorts))


def rank(
    candidates: Candidates,
    config: ScoringConfig,
    profile: Profile,
    style: Style | None = None,
    selection: Selection = EVERYTHING,
) -> Ranking:
    """Score all candidates, take out what profile and selection do not allow, and put the rest in order.

    Percentiles are taken over all candidates, before filters.

    Args:
        candidates: all scored symbols, rated by `rate_by` for the style.
        config: weights and thresholds.
        profile: limits of rows.
        style: weights of the alphas; None for the default one.
        selection: filters, order, lists.
    """
    scores = score(candidates, config, style)
    found = signals(candidates.columns["tech_rating"], config.signals)
    short = np.isin(found, SHORTS) if selection.include_shorts else np.zeros(len(found), np.bool_)
    keep, omissions = select(candidates, scores, short, profile, selection)
    lists = []
    for rows, default in ((keep & ~short, Sort("score")), (keep & short, Sort("score", ascending=True))):
        order = ordered(np.flatnonzero(rows), candidates, scores, selection.sort or default)
        order, crowded = bound_sectors(order, candidates, selection.max_per_sector)
        lists.append(order)
        omissions += crowded
    return Ranking(
        order=lists[0],
        shorts=lists[1],
        scores=scores,
        signals=found,
        flags=candidates.flags | _flags(candidates, config.flags),
        omissions=omissions,
    )


def rate_by(style: Style, candidates: Candidates, weights: RatingWeights) -> Candidates:
    """Return the candidates with TechRating as the style has it: without the sub-scores that it leaves out."""
    columns = candidates.columns
    left_out = [getattr(weights, part) * columns[f"{part}_score"] for part in style.rating_without]
    if not left_out:
        return candidates
    rating = np.subtract.reduce([columns["tech_rating"], *left_out])
    return replace(candidates, columns=columns | {"tech_rating": rating})


def percentile(values: Floats) -> Floats:
    """Return (average rank - 0.5) / n over the values that are there; 0.5 where one is missing (NaN)."""
    present = ~np.isnan(values)
    result = np.full(values.shape, 0.5)
    if present.any():
        _, inverse, counts = np.unique(values[present], return_inverse=True, return_counts=True)
        average_rank = np.cumsum(counts) - (counts - 1) / 2
        result[present] = (average_rank[inverse] - 0.5) / present.sum()
    return result


def standardise(values: Floats) -> Floats:
    """Return z = (x - mean) / sd with ddof 0; 0 where sd is 0, NaN where x is NaN. Sums are exact (math.fsum)."""
    present = values[~np.isnan(values)]
    if not len(present):
        return values
    mean = math.fsum(present) / len(present)
    deviation = math.sqrt(math.fsum((present - mean) ** 2) / len(present))
    return (values - mean) / deviation if deviation > 0 else values * 0.0


def score(candidates: Candidates, config: ScoringConfig, style: Style | None = None) -> Floats:
    """Return (symbol,) float64, 0 to 100: the weighted percentiles of scoring.md's "Score".

    Without alphas their weight goes to TechRating. The style weighs them; None is the default one.
    """
    alpha_weights = style.alpha_weights if style else config.alpha_weights
    weights, columns = config.score_weights, candidates.columns
    tech_rating = percentile(columns["tech_rating"])
    alpha = tech_rating
    if candidates.alphas:
        blended = [weight * standardise(candidates.alphas[role]) for role, weight in alpha_weights.items()]
        alpha = percentile(np.sum(blended, axis=0))
    return 100 * (
        weights.tech_rating * tech_rating
        + weights.alpha * alpha
        + weights.dollar_volume * percentile(columns["dollar_vol_20"])
        + weights.atr_pct * (1 - percentile(columns["atr_pct_14"]))
    )


def _flags(candidates: Candidates, bounds: FlagThresholds) -> NDArray[np.uint32]:
    """Set the flags that take more than a symbol's own bars: type, market cap, size of the cross-section."""
    atr_pct, caps, types = candidates.columns["atr_pct_14"], candidates.market_caps, candidates.types
    conditions = {
        Flag.PINNED_PRICE: (atr_pct < bounds.pinned_atr_pct) & np.isin(types, STOCKS),
        Flag.SMALL_CAP: caps < bounds.small_cap_usd,
        Flag.MICRO_CAP: caps < bounds.micro_cap_usd,
        Flag.TYPE_UNKNOWN: types == SymbolType.UNKNOWN,
        Flag.SMALL_CROSS_SECTION: np.full(len(types), len(types) < bounds.small_cross_section),
    }
    flags = np.zeros(len(types), np.uint32)
    for flag, condition in conditions.items():
        flags[condition] |= np.uint32(flag)
    return flags
