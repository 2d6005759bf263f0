"""Which symbols a scan of a past session may say something else of than on its evening."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.sessions import close_time, sessions_ending, to_day_number
from tests.fetcher.fake_source import LATEST
from tests.fetcher.store_view import damage, place

FIRST, SECOND, THIRD, FOURTH = sessions_ending(LATEST, 4)
SYMBOLS = ("A", "B", "C")
HOUR = 3600.0


def evening(session: date, hours: float = 4.0) -> float:
    """Return a time after the close of a session, seconds since 1970."""
    return close_time(session).timestamp() + hours * HOUR


@pytest.fixture
def index() -> SymbolIndex:
    return SymbolIndex()


@pytest.fixture
def file(tmp_path: Path, index: SymbolIndex) -> Iterator[StoreFile]:
    """Three sessions of three symbols, each stored on its evening."""
    with closing(StoreFile(place(tmp_path), index)) as made:
        for session in (FIRST, SECOND, THIRD):
            made.write(bars_of(session, index), evening(session))
        yield made


def bars_of(session: date, index: SymbolIndex) -> SessionBars:
    return SessionBars(session, index.add(SYMBOLS), np.ones((5, len(SYMBOLS))), 0)


def restate(file: StoreFile, index: SymbolIndex, session: date, symbol: str, at: float) -> None:
    """Store a session again, with another bar of one symbol."""
    bars = bars_of(session, index)
    changed = bars.bars.copy()
    changed[3, SYMBOLS.index(symbol)] = 2.0
    assert file.restate(replace(bars, bars=changed), at) == 1


def split(symbol: str, session: date, ratio: float = 2.0) -> Split:
    return Split(symbol, to_day_number(session), 1.0, ratio)


def test_bars_that_changed_after_the_window_was_complete_are_restated(file: StoreFile, index: SymbolIndex) -> None:
    restate(file, index, SECOND, "B", evening(SECOND, 13))
    assert file.restated(FIRST, SECOND) == {"B"}
    # The third session came after that: a scan as of it has seen nothing else.
    assert file.restated(FIRST, THIRD) == set()
    # Nor did a window without the session.
    assert file.restated(FIRST, FIRST) == set()
    restate(file, index, FIRST, "A", evening(FOURTH))
    assert file.restated(FIRST, THIRD) == {"A"}
    assert file.restated(FIRST, SECOND) == {"A", "B"}


def test_a_window_that_was_stored_later_was_not_scanned_before(file: StoreFile, index: SymbolIndex) -> None:
    (older,) = sessions_ending(FIRST, 2)[:1]
    restate(file, index, THIRD, "C", evening(THIRD, 13))
    assert file.restated(FIRST, THIRD) == {"C"}
    file.write(bars_of(older, index), evening(FOURTH))
    assert file.restated(older, THIRD) == set()


def test_splits_that_were_listed_or_withdrawn_later_are_restatements(file: StoreFile) -> None:
    kept, wrong, brief = split("A", SECOND), split("B", SECOND), split("C", SECOND)
    file.write_splits(SECOND, FIRST, (kept, wrong), evening(SECOND, 5))
    assert file.restated(FIRST, SECOND) == set()
    right = split("B", SECOND, 3.0)
    file.write_splits(THIRD, FIRST, (kept, right, brief), evening(THIRD))
    assert file.restated(FIRST, SECOND) == {"B", "C"}
    # On the evening of the third session they were known.
    assert file.restated(FIRST, THIRD) == set()
    file.write_splits(FOURTH, FIRST, (kept, right), evening(FOURTH))
    # What came and went left nothing behind for the second session; the third was scanned with it.
    assert file.restated(FIRST, SECOND) == {"B"}
    assert file.restated(FIRST, THIRD) == {"C"}


def test_splits_outside_of_the_window_restate_nothing(file: StoreFile) -> None:
    file.write_splits(FOURTH, FIRST, (split("A", FIRST), split("B", THIRD)), evening(FOURTH))
    assert file.restated(FIRST, SECOND) == set()
    assert file.restated(FIRST, THIRD) == {"B"}


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        ("UPDATE revisions SET checksum = checksum + 1", "A"),
        ("UPDATE splits SET checksum = checksum + 1", "B"),
    ],
)
def test_what_is_damaged_tells_of_no_restatement(
    statement: str, left: str, file: StoreFile, index: SymbolIndex, tmp_path: Path
) -> None:
    restate(file, index, SECOND, "B", evening(FOURTH))
    file.write_splits(FOURTH, FIRST, (split("A", SECOND),), evening(FOURTH))
    assert file.restated(FIRST, SECOND) == {"A", "B"}
    damage(tmp_path, statement)
    assert file.restated(FIRST, SECOND) == {left}
