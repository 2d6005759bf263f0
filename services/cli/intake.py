"""Takes sessions of files into a store: whole ones, of the exchange, with bars that are bars."""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.fetcher.provider.validity import valid_bars
from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.symbols import SymbolIndex, is_symbol
from services.files.flat import flat_day, read_flat
from services.files.reader import find_files, read_bars
from services.files.writer import splits_beside
from services.market.adjust import Split
from services.market.errors import LocalDataError
from services.market.sessions import FIRST, LAST, from_day_number, is_session

NEIGHBOURS: Final = 10
"""Stored sessions, the nearest ones, that a session is compared with."""
LEAST_SHARE: Final = 0.5
"""Share of their median number of bars below which a session is not whole."""
LEAST_SYMBOLS: Final = 1_000
"""Bars below which no session of the real market is whole."""


@dataclass(frozen=True, slots=True, eq=False)
class FileSession:
    """Rows of one session as files have them; `symbols` one a row, `bars` (field, row) float64.

    `dropped_count` is the number of rows beside them that are of no session.
    """

    session: date | None
    symbols: list[str]
    bars: NDArray[np.float64]
    dropped_count: int = 0


def sessions_in(path: Path, splits: Path | None) -> Iterator[FileSession]:
    """Read the sessions of a file or folder: flat files one by one, then all others together.

    Raises:
        LocalDataError: as `read_bars` and `read_flat`.
    """
    files = find_files(path, (splits, splits_beside(path)))
    days = {file: flat_day(file) for file in files}
    for file, day in days.items():
        if day is not None:
            flat = read_flat(file, day)
            inside = FIRST <= day <= LAST and is_session(day)
            kept = (list(flat.symbols), flat.bars) if inside else ([], flat.bars[:, :0])
            yield FileSession(day if inside else None, *kept, dropped_count=0 if inside else len(flat.symbols))
    others = [file for file, day in days.items() if day is None]
    # Exports to a folder are a file a session; anything else may have a session in several files.
    parts = [[file] for file in others] if all(_is_dated(file) for file in others) else [others]
    for part in parts:
        if not part:
            continue
        table = read_bars(part)
        for place, number in enumerate(table.session_days.tolist()):
            rows = slice(int(table.starts[place]), int(table.starts[place + 1]))
            symbols = [table.symbols[column] for column in table.columns[rows].tolist()]
            dropped = table.dropped_count if place == 0 else 0
            yield FileSession(from_day_number(number), symbols, table.values(rows), dropped)


def _is_dated(file: Path) -> bool:
    try:
        date.fromisoformat(file.name[:10])
    except ValueError:
        return False
    return file.name[10:11] == "."


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What is taken.

    Args:
        retention: sessions that the store keeps.
        replace: whether a session that is stored gives way.
        partial: whether a session with few symbols is taken.
        simulated: whether the market is a generated one, which may be as small as it likes.
    """

    retention: int
    replace: bool
    partial: bool
    simulated: bool


class Intake:
    """Takes sessions, and counts what becomes of them.

    Args:
        file: the store.
        index: of the store's symbols.
        rules: what is taken.

    Attributes:
        seen: the sessions of the files.
    """

    def __init__(self, file: StoreFile, index: SymbolIndex, rules: IntakeRules) -> None:
        self._file = file
        self._index = index
        self._rules = rules
        self._counts = file.bar_counts()
        self.seen: set[date] = set()
        self._added = self._replaced = self._left = self._old = self._refused = self._dropped = 0
        self._changed = 0
        self._splits = ""

    def __repr__(self) -> str:
        return f"Intake({len(self.seen)} sessions, {self._file!r})"

    def take(self, part: FileSession) -> None:
        """Take a session.

        Raises:
            LocalDataError: it has suspiciously few symbols.
        """
        self._dropped += part.dropped_count
        session = part.session
        if session is None:
            return
        self.seen.add(session)
        if session in self._counts and not self._rules.replace:
            self._left += 1
            return
        if session not in self._counts and self._is_too_old(session):
            self._old += 1
            return
        bars = self._bars(session, part)
        if not self._rules.partial:
            self._require_whole(session, len(bars.columns))
        if session in self._counts:
            self._changed += self._file.restate(bars, time.time(), least_share=0.0) or 0
            self._replaced += 1
        else:
            self._file.write(bars, time.time())
            self._added += 1
        self._counts[session] = len(bars.columns)
        if len(self._counts) > self._rules.retention:
            self._file.prune(self._rules.retention)
            del self._counts[min(self._counts)]

    def take_splits(self, splits: Collection[Split]) -> None:
        """Take the splits of the files as what the provider listed with their newest session, unless that is known."""
        known, newest = self._file.splits(), max(self.seen)
        if known is not None and known.newest >= newest:
            self._splits = f"the splits of {known.newest} that are stored stay as they are"
            return
        self._file.write_splits(newest, min(self.seen), splits, time.time())
        self._splits = f"{len(splits):,} splits taken"

    def report(self) -> list[str]:
        """Say what became of all."""
        lines = [f"{self._added:,} sessions added"]
        if self._replaced:
            lines.append(f"{self._replaced:,} sessions replaced, {self._changed:,} bars of them changed")
        if self._left:
            lines.append(f"{self._left:,} sessions left as they are stored (--replace takes the file's)")
        if self._old:
            lines.append(f"{self._old:,} sessions left out: older than the {self._rules.retention:,} that are kept")
        if self._refused:
            lines.append(f"{self._refused:,} rows refused: no bars")
        if self._dropped:
            lines.append(f"{self._dropped:,} rows left out: of no session of the exchange")
        return [*lines, self._splits] if self._splits else lines

    def _is_too_old(self, session: date) -> bool:
        return sum(stored > session for stored in self._counts) >= self._rules.retention

    def _bars(self, session: date, part: FileSession) -> SessionBars:
        """Keep the rows that are bars; of a symbol that comes twice the last one, as from the provider."""
        good = valid_bars(part.bars) & np.array([is_symbol(symbol) for symbol in part.symbols], np.bool_)
        rows = {part.symbols[row]: row for row in np.flatnonzero(good).tolist()}
        self._refused += len(part.symbols) - len(rows)
        places = list(rows.values())
        return SessionBars(session, self._index.add(list(rows)), part.bars[:, places], 0)

    def _require_whole(self, session: date, count: int) -> None:
        nearest = sorted(self._counts, key=lambda stored: abs((stored - session).days))
        others = [self._counts[stored] for stored in nearest if stored != session][:NEIGHBOURS]
        expected = LEAST_SHARE * median(others) if others else 1
        if not self._rules.simulated:
            expected = max(expected, LEAST_SYMBOLS)
        if count < expected:
            raise LocalDataError(
                f"session {session} has {count:,} bars, at least {expected:,.0f} were expected: it is not whole "
                "(--partial takes it all the same)"
            )
