"""How a scan ends: what was scored is rated, ranked and planned, and the ledger closes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from services.gateway import cross_section, plans
from services.gateway.ranking import rank, rate_by
from services.gateway.result_hash import SUB_SCORES
from services.market.vocabulary import Flag

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from services.gateway.candidates import Candidates
    from services.gateway.ledger import Ledger
    from services.gateway.plans import Plans
    from services.gateway.ranking import Ranking
    from services.gateway.request import ScanRequest
    from services.gateway.scored import Predictions, Scored
    from services.gateway.universe import Attributes
    from services.market.omission import Omission
    from services.market.scoring import ScoringConfig

RANKED_COLUMNS = ("tech_rating", *SUB_SCORES, "dollar_vol_20", "atr_pct_14", "close")
"""Columns that ranking reads; putting blocks together copies, so of all 90 only these and the requested are taken."""

NO_FLAG = Flag(0)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of all candidates: the rows among them in their order, and trade plans if they were asked for."""

    candidates: Candidates
    ranking: Ranking
    plans: Plans | None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a scan came to.

    Attributes:
        candidates: all scored symbols, in symbol order.
        ranking: the rows among them.
        plans: trade plans of all candidates, if they were asked for.
        omissions: every omission, by symbol.
    """

    candidates: Candidates
    ranking: Ranking
    plans: Plans | None
    omissions: tuple[Omission, ...]


def gather(
    request: ScanRequest,
    scored: Scored,
    columns: Collection[str],
    attributes: Mapping[str, Attributes],
    predictions: Predictions,
    everywhere: Flag = NO_FLAG,
) -> Candidates:
    """Put together what was scored, with the columns and ranks that the request takes.

    Args:
        request: names them.
        scored: the blocks.
        columns: names of the blocks' columns; empty if no block came.
        attributes: by symbol.
        predictions: of the models, in the order of the blocks.
        everywhere: flags that all of them get.
    """
    asked = (*request.factors, *request.selection.columns)
    planned = plans.COLUMNS if request.plans else ()
    read = dict.fromkeys((*RANKED_COLUMNS, *asked, *cross_section.inputs(asked), *planned))
    names = tuple(name for name in read if name in columns) or RANKED_COLUMNS
    candidates = scored.candidates(names, attributes, predictions)
    candidates = replace(candidates, flags=candidates.flags | np.uint32(everywhere))
    if not columns:
        return candidates
    ranks = cross_section.ranks(asked, candidates.columns, candidates.sectors)
    return replace(candidates, columns=candidates.columns | ranks)


def ranked(request: ScanRequest, config: ScoringConfig, candidates: Candidates) -> tuple[Candidates, Ranking]:
    """Rate the candidates as the style does, and rank them as the request wants them."""
    profile, style = config.profiles[request.profile], config.styles[request.style]
    rated = rate_by(style, candidates, config.rating_weights)
    return rated, rank(rated, config, profile, style, request.selection)


def judge(request: ScanRequest, config: ScoringConfig, candidates: Candidates) -> Judged:
    """Rank the candidates as the request wants them, and plan their trades.

    Args:
        request: profile, style, selection and plans; their names are known to be right.
        config: what those names mean.
        candidates: all scored symbols.
    """
    profile, style = config.profiles[request.profile], config.styles[request.style]
    candidates, ranking = ranked(request, config, candidates)
    planned = None
    if request.plans:
        terms = plans.PlanTerms.of(request.plans, profile, style, config.plans)
        columns = {name: candidates.number(name) for name in plans.COLUMNS}
        planned = plans.make_plans(columns, ranking.signals, terms, config.plans)
    return Judged(candidates, ranking, planned)


def conclude(judged: Judged, ledger: Ledger) -> Conclusion:
    """Close the ledger, which is open for the candidates and for every other symbol that has no outcome yet."""
    candidates, ranking = judged.candidates, judged.ranking
    for omission in ranking.omissions:
        ledger.omit(omission)
    omissions = ledger.close(candidates.symbols[row] for row in ranking.rows)
    return Conclusion(candidates, ranking, judged.plans, omissions)
