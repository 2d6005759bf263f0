"""The order of rows, and how many of one sector there may be. Pure."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.gateway.candidates import Candidates, Floats
from services.gateway.filters import known
from services.gateway.selection import TEXTS, Sort
from services.market.omission import Omission
from services.market.vocabulary import Reason

Rows = NDArray[np.int64]


def ordered(rows: Rows, candidates: Candidates, scores: Floats, sort: Sort) -> Rows:
    """Put rows in order: those without a value last, ties by symbol.

    Args:
        rows: positions in the candidates, ascending.
        candidates: all scored symbols, in symbol order.
        scores: (symbol,) float64, 0 to 100.
        sort: by what.
    """
    keys = _keys(sort.name, candidates, scores)[rows]
    return rows[np.argsort(keys if sort.ascending else -keys, kind="stable")]


def bound_sectors(rows: Rows, candidates: Candidates, most: int) -> tuple[Rows, tuple[Omission, ...]]:
    """Leave at most so many rows of each known sector, the first ones; the others are omissions.

    Args:
        rows: positions in the candidates, in their order.
        candidates: all scored symbols.
        most: rows of one sector; 0 for no bound.
    """
    if not most:
        return rows, ()
    counted: Counter[str] = Counter()
    closes, kept = candidates.number("close").tolist(), np.ones(len(rows), np.bool_)
    omissions: list[Omission] = []
    for place, row in enumerate(rows.tolist()):
        sector = candidates.sectors[row]
        counted[sector] += 1
        if sector and counted[sector] > most:
            kept[place] = False
            reason, close = Reason.FILTERED_SECTOR_COUNT, known(closes[row])
            found = Omission(candidates.symbols[row], reason, float(counted[sector]), "sector", sector, close)
            omissions.append(found)
    return rows[kept], tuple(omissions)


def _keys(name: str, candidates: Candidates, scores: Floats) -> Floats:
    """Return (symbol,) float64 to order by; NaN where the value is missing."""
    if name == "score":
        return scores
    if name in TEXTS:
        return _places(candidates.texts(name))
    return candidates.number(name)


def _places(texts: Sequence[str]) -> Floats:
    """Number texts by their order; NaN for an empty one."""
    place = {text: float(n) for n, text in enumerate(sorted(set(texts)))} | {"": np.nan}
    return np.array([place[text] for text in texts], np.float64)
