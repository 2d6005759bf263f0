"""Splits, and restating raw bars for them. Adjusted bars are made on read and never stored."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

ABSURD_RATIO: Final = 10_000.0
"""New shares per old one, or old per new, above which a split is hardly one."""
SAME_RATIO: Final = 1e-9
"""Relative difference up to which two ratios are one, written differently: 3 for 2, and 1.5 for 1."""


@dataclass(frozen=True, slots=True, order=True)
class Split:
    """`ratio_from` old shares became `ratio_to` new ones at the open of `session_day` (days since 1970-01-01).

    `doubtful` is set by `collapse` where what the source lists can hardly be right; it is no part of what a split is.
    """

    symbol: str
    session_day: int
    ratio_from: float
    ratio_to: float
    doubtful: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if not (0 < self.ratio_from < np.inf and 0 < self.ratio_to < np.inf):
            raise ValueError(f"a split of {self.ratio_from} for {self.ratio_to} is not a split")

    @property
    def ratio(self) -> float:
        """New shares per old one."""
        return self.ratio_to / self.ratio_from

    @property
    def log_ratio(self) -> float:
        """Natural logarithm of the ratio; finite whatever the ratio."""
        return math.log(self.ratio_to) - math.log(self.ratio_from)


def collapse(splits: Iterable[Split]) -> tuple[Split, ...]:
    """Return one split a symbol and date, sorted by symbol and date, whatever order they come in.

    A stock does not split twice on one day, but lists repeat rows, and a corrected row may stand beside the wrong one.
    Rows of the same ratio are one split. Of different ratios the one nearest to 1 counts, for the order of a list tells
    nothing and mistyped ratios tend to be large; the split is doubtful. So is one of an absurd ratio; it counts too:
    leaving it out would be a guess.
    """
    found: dict[tuple[str, int], Split] = {}
    for split in splits:
        before = found.setdefault((split.symbol, split.session_day), split)
        if before is not split and before != split:
            found[split.symbol, split.session_day] = _merged(before, split)
    return tuple(sorted(replace(split, doubtful=True) if _absurd(split) else split for split in found.values()))


def _merged(one: Split, other: Split) -> Split:
    """Return the one split that two rows of a symbol and date are."""
    same = math.isclose(one.ratio, other.ratio, rel_tol=SAME_RATIO)
    chosen = min(one, other, key=lambda split: (abs(split.log_ratio), -split.ratio, split.ratio_from))
    return replace(chosen, doubtful=not same or one.doubtful or other.doubtful)


def _absurd(split: Split) -> bool:
    return not 1 / ABSURD_RATIO <= split.ratio <= ABSURD_RATIO


def doubtful_symbols(splits: dict[str, tuple[Split, ...]], first_day: int, as_of: int) -> frozenset[str]:
    """Return the symbols whose bars a doubtful split changes in a window.

    Args:
        splits: by symbol, collapsed.
        first_day: first session of the window, days since 1970-01-01; a split on it changes nothing.
        as_of: last session of the window.
    """
    return frozenset(
        symbol
        for symbol, rows in splits.items()
        if any(split.doubtful and first_day < split.session_day <= as_of for split in rows)
    )


def adjust(
    bars: NDArray[np.float64],
    session_days: NDArray[np.int32],
    symbols: tuple[str, ...],
    splits: dict[str, tuple[Split, ...]],
) -> None:
    """Restate raw bars in place so that they compare with those of the last session.

    A split counts for a bar of an earlier session if it executes on or before the last session. Splits apply one by
    one in ascending order, price x from / to and volume x to / from, never as a cumulated factor: the same bits
    whatever was adjusted before (scoring.md, "As-of").

    Args:
        bars: (field, session, symbol) float64, raw, fields as in `panel.FIELDS`; changed in place; NaN stays NaN.
        session_days: (session,) int32, ascending; the last is as_of.
        symbols: one a column.
        splits: by symbol, collapsed and ascending by date.
    """
    as_of = int(session_days[-1])
    for column, symbol in enumerate(symbols):
        for split in splits.get(symbol, ()):
            if split.session_day > as_of:
                break
            before = int(np.searchsorted(session_days, split.session_day))
            prices, volumes = bars[:4, :before, column], bars[4, :before, column]
            # Times, then over: a ratio computed first would round once more.
            prices *= split.ratio_from
            prices /= split.ratio_to
            volumes *= split.ratio_to
            volumes /= split.ratio_from


def restated(price: float, day: int, splits: Iterable[Split], as_of: int) -> float:
    """Return a raw price of `day`, USD, as `adjust` restates it for the splits of its symbol up to `as_of`."""
    for split in splits:
        if day < split.session_day <= as_of:
            price = price * split.ratio_from / split.ratio_to
    return price


def by_symbol(splits: Iterable[Split]) -> dict[str, tuple[Split, ...]]:
    """Collapse `splits` and group them by symbol, ascending by date."""
    grouped: dict[str, list[Split]] = {}
    for split in collapse(splits):
        grouped.setdefault(split.symbol, []).append(split)
    return {symbol: tuple(rows) for symbol, rows in grouped.items()}
