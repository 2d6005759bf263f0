"""From factors and alphas to ranked rows: percentiles, the score, flags, filters, the order. Pure and vectorised."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.gateway.ledger import Omission
from services.market.scoring import FlagThresholds, Profile, ScoringConfig
from services.market.signals import signals
from services.market.vocabulary import Flag, Reason, SymbolType

Floats = NDArray[np.float64]
STOCKS = (SymbolType.COMMON, SymbolType.ADR)


@dataclass(frozen=True, slots=True)
class Candidates:
    """All symbols scored in a scan, in symbol order: the order in which sums are taken.

    Attributes:
        symbols: (symbol,) ascending.
        types: (symbol,) int, numbers of `SymbolType`.
        market_caps: (symbol,) float64, USD; NaN = unknown.
        columns: those of factors, sub-scores and tech_rating that are read, by name, each (symbol,) float64; NaN =
            undefined.
        flags: (symbol,) uint32, bits of `Flag` that the scorer and the models set.
        alphas: predicted return by role (alpha_5, alpha_10), (symbol,) float64, fractions; empty without models.
    """

    symbols: tuple[str, ...]
    types: NDArray[np.int64]
    market_caps: Floats
    columns: dict[str, Floats]
    flags: NDArray[np.uint32]
    alphas: dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows in their order, best first, as positions in the candidates; and what the filters took out."""

    order: NDArray[np.int64]
    scores: Floats
    signals: NDArray[np.int64]
    flags: NDArray[np.uint32]
    omissions: tuple[Omission, ...]


def rank(candidates: Candidates, config: ScoringConfig, profile: Profile) -> Ranking:
    """Score all candidates, take out what the profile does not allow, and put the rest in order.

    Percentiles are taken over all candidates, before filters. Order: score descending, then symbol.
    """
    scores = score(candidates, config)
    keep, omissions = _filter(candidates, scores, profile)
    kept = np.flatnonzero(keep)
    return Ranking(
        order=kept[np.argsort(-scores[kept], kind="stable")],
        scores=scores,
        signals=signals(candidates.columns["tech_rating"], config.signals),
        flags=candidates.flags | _flags(candidates, config.flags),
        omissions=omissions,
    )


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


def score(candidates: Candidates, config: ScoringConfig) -> Floats:
    """Return (symbol,) float64, 0 to 100: the weighted percentiles of scoring.md's "Score".

    Without alphas their weight goes to TechRating.
    """
    weights, columns = config.score_weights, candidates.columns
    tech_rating = percentile(columns["tech_rating"])
    alpha = tech_rating
    if candidates.alphas:
        blended = [weight * standardise(candidates.alphas[role]) for role, weight in config.alpha_weights.items()]
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


def _filter(candidates: Candidates, scores: Floats, profile: Profile) -> tuple[NDArray[np.bool_], tuple[Omission, ...]]:
    """Apply a profile's limits in a fixed order; the first that fails is the reason. Missing data never fails."""
    columns = candidates.columns
    limits = (
        (Reason.FILTERED_ATR_PCT, columns["atr_pct_14"], profile.max_atr_pct, np.greater),
        (Reason.FILTERED_PRICE, columns["close"], profile.min_price, np.less),
        (Reason.FILTERED_DOLLAR_VOLUME, columns["dollar_vol_20"], profile.min_dollar_volume, np.less),
        (Reason.FILTERED_SCORE, scores, profile.min_score, np.less),
    )
    keep = np.ones(len(candidates.symbols), np.bool_)
    omissions: list[Omission] = []
    for reason, values, limit, fails in limits:
        if limit is None:
            continue
        failing = keep & fails(values, limit)
        keep &= ~failing
        omissions += [Omission(candidates.symbols[n], reason, float(values[n])) for n in np.flatnonzero(failing)]
    return keep, tuple(omissions)
