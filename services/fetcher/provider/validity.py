"""What makes a bar a bar, and what a raw bar of the provider cannot be."""

from dataclasses import replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.fetcher.source import SessionBars, SymbolBars
from services.market.errors import MalformedAnswerError

SomeBars = TypeVar("SomeBars", SessionBars, SymbolBars)

RAW_PRICE_LIMIT: Final = 1e7
"""USD; a raw price above it is absurd. The dearest share of the US, BRK.A, has not reached a tenth of it."""
RAW_VOLUME_LIMIT: Final = 1e12
"""Shares; a raw volume above it is absurd: no company has so many."""


def valid_bars(bars: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which bars are bars: finite, prices above 0, high not below low, volume not below 0.

    Args:
        bars: (field, bar) float64, fields as in `panel.FIELDS`.

    Returns:
        (bar,) bool.
    """
    sound = np.isfinite(bars) & (bars >= 0)
    sound[:4] &= bars[:4] > 0
    valid: NDArray[np.bool_] = np.logical_and.reduce(sound) & (bars[1] >= bars[2])
    return valid


def plausible_bars(bars: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which raw bars can be true: no price above `RAW_PRICE_LIMIT`, no volume above `RAW_VOLUME_LIMIT`.

    Only for bars as they were traded. Adjusted ones may lie far above: a share that was merged 1 for 100 again and
    again has had adjusted prices beyond 1e9.

    Args:
        bars: (field, bar) float64, fields as in `panel.FIELDS`, raw, each of them valid.

    Returns:
        (bar,) bool.
    """
    plausible: NDArray[np.bool_] = (bars[:4].max(axis=0) <= RAW_PRICE_LIMIT) & (bars[4] <= RAW_VOLUME_LIMIT)
    return plausible


def plausible(bars: SomeBars) -> SomeBars:
    """Return raw bars without those that cannot be true (see `plausible_bars`), which are refused and counted.

    Raises:
        MalformedAnswerError: not one can be true, as if all prices were in another unit.
    """
    kept = plausible_bars(bars.bars)
    if kept.all():
        return bars
    if not kept.any():
        raise MalformedAnswerError(f"The provider answered {len(kept)} bars, but not one with a price that can be true")
    refused_count = bars.refused_count + int((~kept).sum())
    values = np.ascontiguousarray(bars.bars[:, kept])
    if isinstance(bars, SessionBars):
        return replace(bars, columns=bars.columns[kept], bars=values, refused_count=refused_count)
    return replace(bars, session_days=bars.session_days[kept], bars=values, refused_count=refused_count)
