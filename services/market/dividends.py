"""Cash dividends: which of them bars were restated for, and the same bars without any and with all of them.

A provider's bars are restated for splits only, so factors must be learned from bars without dividends taken out; what
was earned counts them. Files mix both: prices that were traded are whole cents, and restated ones are not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.market.panel import Panel

Array = NDArray[np.float64]

WINDOW: Final = 5
"""Bars before a dividend whose prices tell whether it was taken out of them."""
WHOLE_SHARE: Final = 0.5
"""Share of prices in whole cents above which they are as traded. Of a real file 53 in 10,727 lie in 0.3 to 0.7."""


@dataclass(frozen=True, slots=True, order=True)
class Dividend:
    """`amount` USD a share, on the bars' basis of splits; `ex_day`, since 1970-01-01, is the first without it."""

    symbol: str
    ex_day: int
    amount: float

    def __post_init__(self) -> None:
        if not 0 < self.amount < np.inf:
            raise ValueError(f"a dividend of {self.amount} is none")


@dataclass(frozen=True, slots=True)
class Bases:
    """What turns the prices of bars into those of another basis, by multiplication.

    Attributes:
        price: (session, symbol) float64, to prices restated for splits only; 1 where nothing was taken out.
        total: (session, symbol) float64, from those to prices less all dividends that follow: their ratios are total
            returns.
        known: dividends within the bars.
        taken: those of them that the bars were restated for.
    """

    price: Array
    total: Array
    known: int
    taken: int


def find_bases(panel: Panel, dividends: Iterable[Dividend]) -> Bases:
    """Find out which dividends the bars were restated for.

    A dividend d before which the last close was c, as traded, makes prices before it (c - d) / c of what they were. One
    that is not below that close cannot be right and counts as none.

    Args:
        panel: restated for splits, and for any of the dividends.
        dividends: of any symbols; those that no bar of the panel precedes or follows are passed over.
    """
    place = {symbol: column for column, symbol in enumerate(panel.symbols)}
    price, total = np.ones(panel.close.shape), np.ones(panel.close.shape)
    known = taken = 0
    for dividend in sorted(dividends, key=lambda it: it.ex_day, reverse=True):
        column = place.get(dividend.symbol)
        ex = int(np.searchsorted(panel.session_days, dividend.ex_day))
        if column is None or not 0 < ex < len(panel.session_days):
            continue
        bars = np.flatnonzero(~np.isnan(panel.close[:ex, column]))[-WINDOW:]
        if not len(bars):
            continue
        out = not _traded_in_cents(panel.bars[:4, bars, column])
        close = float(panel.close[bars[-1], column] * price[bars[-1], column]) + (dividend.amount if out else 0.0)
        if close <= dividend.amount:
            continue
        kept = 1.0 - dividend.amount / close
        total[:ex, column] *= kept
        if out:
            price[:ex, column] /= kept
        known, taken = known + 1, taken + out
    return Bases(price, total, known, taken)


def restate(bars: Array, factors: Array) -> Array:
    """Return (field, session, symbol) bars with prices times (session, symbol) factors, and volumes over them."""
    return np.concatenate([bars[:4] * factors, bars[4:] / factors])


def _traded_in_cents(prices: Array) -> bool:
    """Tell whether most prices are whole cents, as far as float32 can hold them."""
    cents = prices * 100.0
    whole = np.abs(cents - np.round(cents)) <= 1e-3 + 2e-7 * cents
    return bool(whole.mean() > WHOLE_SHARE)
