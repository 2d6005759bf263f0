"""Writes into a store, and tells each step that is committed: in processes that are killed, or that share the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import Place
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.sessions import sessions_ending, to_day_number
from tests.fetcher.fake_source import LATEST

SESSIONS = sessions_ending(LATEST, 40)[::-1]
NOW = 1.7e9


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction: a session, the same session with other bars, or with `version` splits the list of these."""

    session: date
    version: int = 0
    splits: bool = False


STEPS = tuple(
    step
    for number, session in enumerate(SESSIONS)
    for step in (
        Step(session),
        *((Step(session, version=1),) if number % 4 == 1 else ()),
        *((Step(SESSIONS[0], version=number, splits=True),) if number % 5 == 2 else ()),
    )
)


def symbols_of(session: date) -> tuple[str, ...]:
    """Give the symbols that trade in a session: some join with time, in an order of their own."""
    count = 400 + to_day_number(session) % 50
    return tuple(f"S{(number * 7) % count}" for number in range(count) if count % 7)


def bars_of(session: date, index: SymbolIndex, version: int = 0) -> SessionBars:
    """Give the one true answer for a session; in another version every tenth bar is another one."""
    symbols = symbols_of(session)
    rng = np.random.default_rng(to_day_number(session))
    bars = rng.random((5, len(symbols)))
    bars[:, ::10] += version
    return SessionBars(session, index.add(symbols), bars, 0)


def splits_of(version: int) -> tuple[Split, ...]:
    """Give the splits of a version: each has one of its own."""
    return tuple(Split(f"S{number}", to_day_number(LATEST), 1.0, 2.0) for number in (0, 1, version + 2))


def take(file: StoreFile, index: SymbolIndex, step: Step) -> None:
    """Commit a step."""
    if step.splits:
        file.write_splits(step.session, SESSIONS[-1], splits_of(step.version), NOW)
    elif step.version:
        file.restate(bars_of(step.session, index, step.version), NOW)
    else:
        file.write(bars_of(step.session, index), NOW)


def write(path: Path, first: Sequence[str], told: Connection) -> None:
    """Take all steps; `first` are symbols that this process numbers before all others."""
    index = SymbolIndex()
    index.add(first)
    file = StoreFile(Place(path, "simulated-1"), index)
    for number, step in enumerate(STEPS, start=1):
        take(file, index, step)
        told.send(number)
    file.close()


def require_right(file: StoreFile, index: SymbolIndex, steps: int) -> None:
    """Check that a store holds what the first `steps` steps wrote, to the bit, and nothing else."""
    versions = {step.session: step.version for step in STEPS[:steps] if not step.splits}
    assert set(file.sessions()) == set(versions)
    other = SymbolIndex()
    for session, version in versions.items():
        found, expected = file.read(session), bars_of(session, other, version)
        assert found is not None
        assert [index.symbol_at(column) for column in found.columns] == [other.symbol_at(c) for c in expected.columns]
        assert found.bars.tobytes() == expected.bars.tobytes()
    lists = [step.version for step in STEPS[:steps] if step.splits]
    known = file.splits()
    assert set(known.splits if known else ()) == set(splits_of(lists[-1]) if lists else ())
    restated = [step for step in STEPS[:steps] if step.version and not step.splits]
    assert file.restated_count == sum(-(-len(symbols_of(step.session)) // 10) for step in restated)
