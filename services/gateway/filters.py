"""What a profile and a request take out of the scored symbols, each with its reason. Pure and vectorised."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.gateway.candidates import Candidates, Floats
from services.gateway.selection import Filter, Selection
from services.market.omission import Omission
from services.market.trading import Profile
from services.market.vocabulary import Reason

Bools = NDArray[np.bool_]

REASONS: Final = MappingProxyType(
    {
        "atr_pct_14": Reason.FILTERED_ATR_PCT,
        "close": Reason.FILTERED_PRICE,
        "dollar_vol_20": Reason.FILTERED_DOLLAR_VOLUME,
        "score": Reason.FILTERED_SCORE,
        "market_cap": Reason.FILTERED_MARKET_CAP,
    }
)
"""Reasons that have a name of their own; every other number is a FILTERED_FACTOR."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A condition that rows must meet: which do not, and what failed there, a number or a text."""

    name: str
    reason: Reason
    fails: Bools
    values: Floats | None = None
    texts: Sequence[str] = ()


def select(
    candidates: Candidates, scores: Floats, short: Bools, profile: Profile, selection: Selection
) -> tuple[Bools, tuple[Omission, ...]]:
    """Apply a profile's limits, then exchanges, sectors, industries and filters; the first that fails is the reason.

    Missing data (NaN, "") never fails.

    Args:
        candidates: all scored symbols.
        scores: (symbol,) float64, 0 to 100.
        short: (symbol,) bool, short candidates, whose score is to be low.
        profile: its limits.
        selection: what the request asks for.

    Returns:
        (symbol,) bool, what stays, and an omission for each that does not.
    """
    keep = np.ones(len(candidates.symbols), np.bool_)
    omissions: list[Omission] = []
    for rule in (*_limits(candidates, scores, short, profile), *_asked(candidates, scores, selection)):
        failing = keep & rule.fails
        keep &= ~failing
        omissions += _omissions(np.flatnonzero(failing), rule, candidates)
    return keep, tuple(omissions)


def _omissions(rows: NDArray[np.int64], rule: _Rule, candidates: Candidates) -> Iterator[Omission]:
    """Give an omission for each row that fails a rule; as lists, since there may be thousands."""
    closes = candidates.number("close")[rows].tolist()
    values = [None] * len(rows) if rule.values is None else rule.values[rows].tolist()
    for row, value, close in zip(rows.tolist(), values, closes, strict=True):
        text = rule.texts[row] if rule.texts else ""
        yield Omission(candidates.symbols[row], rule.reason, value, rule.name, text, known(close))


def known(number: float) -> float | None:
    """Return a number as such; None for NaN."""
    return None if math.isnan(number) else number


def _limits(candidates: Candidates, scores: Floats, short: Bools, profile: Profile) -> Iterator[_Rule]:
    """Give a profile's limits in a fixed order."""
    bounds = (
        Filter("atr_pct_14", most=profile.max_atr_pct),
        Filter("close", least=profile.min_price),
        Filter("dollar_vol_20", least=profile.min_dollar_volume),
    )
    for bound in bounds:
        yield _bounded(bound, candidates.number(bound.name))
    if profile.min_score is not None:
        fails = np.where(short, scores > 100.0 - profile.min_score, scores < profile.min_score)
        yield _Rule("score", Reason.FILTERED_SCORE, fails, scores)


def _asked(candidates: Candidates, scores: Floats, selection: Selection) -> Iterator[_Rule]:
    """Give what the request asks for, in its order."""
    lists = (
        ("exchange", Reason.FILTERED_EXCHANGE, selection.exchanges),
        ("sector", Reason.FILTERED_SECTOR, selection.sectors),
        ("industry", Reason.FILTERED_INDUSTRY, selection.industries),
    )
    for name, reason, asked in lists:
        if asked:
            yield _listed(name, reason, candidates.texts(name), asked)
    for one in selection.filters:
        yield _bounded(one, scores if one.name == "score" else candidates.number(one.name))


def _bounded(bound: Filter, values: Floats) -> _Rule:
    fails = np.zeros(len(values), np.bool_)
    if bound.least is not None:
        fails |= values < bound.least
    if bound.most is not None:
        fails |= values > bound.most
    return _Rule(bound.name, REASONS.get(bound.name, Reason.FILTERED_FACTOR), fails, values)


def _listed(name: str, reason: Reason, texts: Sequence[str], asked: Sequence[str]) -> _Rule:
    fails = np.array([text not in asked and text != "" for text in texts], np.bool_)
    return _Rule(name, reason, fails, texts=texts)
