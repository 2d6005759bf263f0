"""Splits from a file, for bars that are not adjusted for them."""

from collections.abc import Container
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from services.files.table import Column, open_table
from services.market.adjust import Split
from services.market.errors import LocalDataError
from services.market.sessions import to_day_number
from services.market.universe import find_symbol

_MOST_SHARES: Final = 10_000
"""Old shares of a split, at most, where its ratio is taken for a fraction."""

_COLUMNS: Final = (
    Column("symbol", "text", aliases=("ticker",)),
    Column("date", "date", aliases=("execution_date", "day", "session")),
    Column("ratio", "number"),
    Column("ratio_from", "number", required=False),
    Column("ratio_to", "number", required=False),
)


def read_splits(path: Path, symbols: Container[str] | None) -> tuple[Split, ...]:
    """Read the splits of some symbols: symbol, execution date, and ratio, the new shares per old one.

    Where a file says what the ratio is made of, `ratio_from` old shares and `ratio_to` new ones, these are taken.

    Args:
        path: of the file.
        symbols: those of the bars; a split of one of them is found in any spelling, all others are left out. None takes
            all as they are.

    Raises:
        LocalDataError: the file is absent, cannot be read, lacks a column, a value or has one of another kind; a ratio
            is not above 0.
    """
    with open_table(path, _COLUMNS) as table:
        import pyarrow as pa  # noqa: PLC0415 - see open_table

        named = table.filled("symbol").to_pylist()
        days: list[date] = table.filled("date").cast(pa.date32()).to_pylist()
        ratios = table.filled("ratio").cast(pa.float64()).to_pylist()
        shares = [_shares(ratio) for ratio in ratios]
        if "ratio_from" in table and "ratio_to" in table:
            parts = (table.filled(name).cast(pa.float64()).to_pylist() for name in ("ratio_from", "ratio_to"))
            shares = list(zip(*parts, strict=True))
    odd = next(
        (new / old if old else np.inf for old, new in shares if not (0 < old < np.inf and 0 < new < np.inf)), None
    )
    if odd is not None:
        raise LocalDataError(f"{path}: a ratio must be above 0, the new shares per old one; one is {odd}")
    found = {symbol: symbol if symbols is None else find_symbol(symbol, symbols) for symbol in set(named)}
    return tuple(
        Split(symbol, to_day_number(day), old, new)
        for name, day, (old, new) in zip(named, days, shares, strict=True)
        if (symbol := found[name]) is not None
    )


def _shares(ratio: float) -> tuple[float, float]:
    """Return the old and the new shares that a ratio stands for: 10 and 1 for 0.1, as a provider tells them.

    Bars are then restated by the same multiplications and divisions, to the same bits.
    """
    if not 0 < ratio < np.inf:
        return 1.0, ratio
    meant = Fraction(ratio).limit_denominator(_MOST_SHARES)
    if meant.numerator / meant.denominator != ratio:
        return 1.0, ratio
    return float(meant.denominator), float(meant.numerator)
