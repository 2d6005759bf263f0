"""Small files of bars, as CSV text and as Parquet."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from services.market.sessions import sessions_ending

LAST = date(2025, 7, 9)
SESSIONS = sessions_ending(LAST, 4)
HEADER = "symbol,date,open,high,low,close,volume"

Write = Callable[[str, str], Path]


def lines(symbols: Sequence[str], days: Sequence[date] = SESSIONS, close: str = "211.14") -> str:
    """Return CSV lines of bars, one a symbol and day."""
    return "".join(f"{symbol},{day},209.5,212,207.25,{close},1000.5\n" for symbol in symbols for day in days)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a text under a name."""

    def writer(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def write_parquet(path: Path, symbols: Sequence[str], days: Sequence[date] = SESSIONS) -> Path:
    """Write bars with float32 prices."""
    rows = [(symbol, day) for symbol in symbols for day in days]
    price = {name: np.full(len(rows), 211.14, np.float32) for name in ("open", "high", "low", "close")}
    table = {"symbol": [row[0] for row in rows], "date": [row[1] for row in rows], **price}
    parquet.write_table(pa.table({**table, "volume": np.full(len(rows), 1000.5)}), path)
    return path
