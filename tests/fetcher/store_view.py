"""What a store's file says, past the code that reads it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from services.fetcher.source import SessionBars
from services.fetcher.store.check import flaws_of
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import Place
from services.fetcher.symbols import SymbolIndex

TABLES = ("meta", "symbols", "sessions", "revisions", "splits", "answers", "quarantine")


def place(folder: Path, fingerprint: str = "simulated-1") -> Place:
    """Give a store a place in a folder."""
    return Place(folder / "stores" / "bars.sqlite3", fingerprint)


def rows(bars: SessionBars, index: SymbolIndex) -> dict[str, list[float]]:
    """Return the bars by symbol, whatever numbers the symbols have."""
    columns = [index.symbol_at(column) for column in bars.columns.tolist()]
    return dict(zip(columns, bars.bars.T.tolist(), strict=True))


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that a file says, table by table."""
    with closing(sqlite3.connect(path)) as db:
        db.text_factory = bytes
        return {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}  # noqa: S608 - ours


def damage(folder: Path, statement: str) -> None:
    """Change a store behind its back."""
    with closing(sqlite3.connect(place(folder).path)) as db, db:
        db.execute(statement)


def verified(file: StoreFile) -> list[str]:
    """Check all rows, and the pages; return what was found."""
    found = [row.name for key in file.every_key() if (row := file.check(key))]
    return found + flaws_of(file.path)


def revision(row: tuple[Any, ...]) -> tuple[int, dict[int, tuple[int, list[float | None]]]]:
    """Read a revision: when others came, and by number when a bar was first seen and what it was, None for NaN."""
    _, _, seen_at, numbers, first_seen, values, _ = row
    bars = np.frombuffer(values).reshape(5, -1).T.tolist()
    said = [[None if np.isnan(value) else value for value in bar] for bar in bars]
    first = np.frombuffer(first_seen, np.int64).tolist()
    return seen_at, dict(zip(np.frombuffer(numbers, np.int32).tolist(), zip(first, said, strict=True), strict=True))
