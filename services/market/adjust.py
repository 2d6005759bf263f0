"""Splits, and restating raw bars for them. Adjusted bars are made on read and never stored."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, order=True)
class Split:
    """`ratio_from` old shares became `ratio_to` new ones at the open of `session_day` (days since 1970-01-01)."""

    symbol: str
    session_day: int
    ratio_from: float
    ratio_to: float

    def __post_init__(self) -> None:
        if not (0 < self.ratio_from < np.inf and 0 < self.ratio_to < np.inf):
            raise ValueError(f"a split of {self.ratio_from} for {self.ratio_to} is not a split")


def collapse(splits: Iterable[Split]) -> tuple[Split, ...]:
    """Drop rows that say the same split twice (symbol, date, ratio), as the vendor does; sorted by symbol and date."""
    seen = {(split.symbol, split.session_day, split.ratio_to / split.ratio_from): split for split in splits}
    return tuple(sorted(seen.values()))


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


def by_symbol(splits: Iterable[Split]) -> dict[str, tuple[Split, ...]]:
    """Collapse `splits` and group them by symbol, ascending by date."""
    grouped: dict[str, list[Split]] = {}
    for split in collapse(splits):
        grouped.setdefault(split.symbol, []).append(split)
    return {symbol: tuple(rows) for symbol, rows in grouped.items()}
