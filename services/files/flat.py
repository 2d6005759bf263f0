"""The provider's flat files: one a session, `2025-09-30.csv.gz`, which say their date in their name only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.files.table import Column, open_table
from services.market.panel import FIELDS

_NAME: Final = re.compile(r"(\d{4}-\d\d-\d\d)\.csv(\.gz)?", re.IGNORECASE)
_DATE: Final = Column("date", "date", aliases=("day", "session"), required=False)
_COLUMNS: Final = (
    Column("symbol", "text", aliases=("ticker",)),
    *(Column(name, "number") for name in FIELDS),
)


@dataclass(frozen=True, slots=True, eq=False)
class FlatBars:
    """Rows of one day as they are in a file.

    Attributes:
        day: the day of the file's name; it may be no session.
        symbols: one a row.
        bars: (field, row) float64, fields as in `panel.FIELDS`; NaN = absent.
    """

    day: date
    symbols: Sequence[str]
    bars: NDArray[np.float64]


def flat_day(path: Path) -> date | None:
    """Return the day that the name of a flat file says; None for any other file, one with a column of dates included.

    Raises:
        LocalDataError: the file has the name, but cannot be read.
    """
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    try:
        day = date.fromisoformat(found[1])
    except ValueError:
        return None
    with open_table(path, (*_COLUMNS, _DATE)) as table:
        return None if _DATE.name in table else day


def read_flat(path: Path, day: date) -> FlatBars:
    """Read a flat file: ticker, volume, open, close, high and low in any order, among others.

    Raises:
        LocalDataError: the file cannot be read, lacks a column, has one of another kind, or a row without a ticker.
    """
    with open_table(path, _COLUMNS) as table:
        symbols = table.filled("symbol").to_pylist()
        fields = [table.column(name).fill_null(np.nan) for name in FIELDS]
        bars = np.stack([np.array(field.to_pylist(), np.float64) for field in fields])
    return FlatBars(day, symbols, bars)
