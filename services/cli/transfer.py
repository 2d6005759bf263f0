"""Brings raw bars from the store into files, and from files into the store."""

import sqlite3
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.cli import exits
from services.cli.intake import Intake, IntakeRules, sessions_in
from services.cli.store import find_store, print_market
from services.cli.target import Target
from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import DamagedRowError, stored_place
from services.fetcher.symbols import SymbolIndex
from services.files.reader import MAX_ROWS
from services.files.splits import read_splits
from services.files.writer import splits_beside, suffix_of, write_splits, writing_bars
from services.market.errors import InvalidRequestError, LocalDataError
from services.market.sessions import to_day_number


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is exported.

    Args:
        out: a file whose name ends like one of bars, or a folder, which gets a file a session.
        count: sessions, the newest ones; None for all.
        symbols: empty for all.
    """

    out: Path
    count: int | None
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is imported.

    Args:
        path: file or folder of raw bars.
        splits: file of splits; None takes the one beside the bars, if it is there.
        replace: whether a session that is stored gives way to the file's.
        partial: whether a session with few symbols is taken.
    """

    path: Path
    splits: Path | None
    replace: bool
    partial: bool


def run_export(target: Target, request: ExportRequest) -> int:
    """Write bars of the store, and the splits beside them; return the exit code.

    Args:
        target: the fetcher whose store it is, which may be at work meanwhile.
        request: what, and where to.

    Raises:
        TechnicError: there is no store here, or nothing in it that was asked for; a file cannot be written.
    """
    found = find_store(target)
    count, sessions = export_store(Path(found.path), request)
    print_market(simulated=found.simulated)
    print(f"{count:,} raw bars of {len(sessions):,} sessions, {sessions[0]} to {sessions[-1]}: {request.out}")
    print(f"splits: {splits_beside(request.out)}")
    return exits.OK


def export_store(path: Path, request: ExportRequest) -> tuple[int, tuple[date, ...]]:
    """Write what is asked for of the store at a path; return the number of bars, and the sessions.

    Raises:
        TechnicError: as `run_export`.
    """
    index = SymbolIndex()
    with _opened(path, index) as file:
        sessions = file.sessions()[-request.count if request.count else None :]
        if not sessions:
            raise LocalDataError(f"the store {path} has no session: run `technic data sync`, then export")
        folder = not request.out.suffix
        counts = file.bar_counts()
        if not folder and not request.symbols and sum(counts.get(day, 0) for day in sessions) > MAX_ROWS:
            raise InvalidRequestError(f"more than {MAX_ROWS:,} bars are too many for one file: name a folder in --out")
        count = _export(file, index, sessions, request, folder=folder)
        known = file.splits()
        splits = () if known is None else [split for split in known.splits if _asked(split.symbol, request.symbols)]
        write_splits(splits_beside(request.out), splits)
    return count, sessions


def _export(
    file: StoreFile, index: SymbolIndex, sessions: Collection[date], request: ExportRequest, *, folder: bool
) -> int:
    """Write the sessions; return the number of bars.

    Raises:
        LocalDataError: there is no bar of the symbols; files that are there stay as they are.
    """
    total = 0
    if not folder:
        suffix_of(request.out)
    with ExitStack() as stack:
        shared = None if folder else stack.enter_context(writing_bars(request.out))
        for session in sessions:
            bars = file.read(session)
            if bars is None:
                continue
            symbols, values = _wanted(bars, index, request.symbols)
            if not symbols:
                continue
            total += len(symbols)
            if shared is not None:
                shared(session, symbols, values)
                continue
            with writing_bars(request.out / f"{session}.parquet") as write:
                write(session, symbols, values)
        if not total:
            raise LocalDataError("the store has no bar of these symbols")
    return total


@contextmanager
def _opened(path: Path, index: SymbolIndex) -> Iterator[StoreFile]:
    """Open a store that others may use meanwhile.

    Raises:
        LocalDataError: it cannot be read or written, now or in the block.
    """
    try:
        with closing(StoreFile(stored_place(path), index)) as file:
            yield file
    except DamagedRowError as error:
        raise LocalDataError(f"{error}; it is put aside: run `technic data sync`, then this again") from error
    except sqlite3.Error as error:
        raise LocalDataError(f"the store {path} cannot be used: {error}") from error


def _wanted(bars: SessionBars, index: SymbolIndex, wanted: tuple[str, ...]) -> tuple[list[str], NDArray[np.float64]]:
    """Return those of a session's symbols that are asked for, and their bars."""
    symbols = [index.symbol_at(column) for column in bars.columns.tolist()]
    kept = [place for place, symbol in enumerate(symbols) if _asked(symbol, wanted)]
    return [symbols[place] for place in kept], bars.bars[:, kept]


def _asked(symbol: str, wanted: tuple[str, ...]) -> bool:
    return not wanted or symbol in wanted


def run_import(target: Target, request: ImportRequest) -> int:
    """Take sessions of files into the store, whole ones only, and their splits; return the exit code.

    Arguments as of `run_export`.

    Raises:
        TechnicError: there is no store here; a file is absent or not what it should be; a session has suspiciously few
            symbols. What came before it stays.
    """
    found = find_store(target)
    if request.splits is not None and not request.splits.is_file():
        raise LocalDataError(f"--splits {request.splits} does not exist")
    beside = splits_beside(request.path)
    splits_path = request.splits or (beside if beside.is_file() else None)
    rules = IntakeRules(
        retention=found.retention_count,
        replace=request.replace,
        partial=request.partial,
        simulated=found.simulated,
    )
    lines = import_files(Path(found.path), request.path, splits_path, rules)
    print_market(simulated=found.simulated)
    print(*lines, sep="\n")
    print(f"store: {found.path}", file=sys.stderr)
    return exits.OK


def import_files(store: Path, path: Path, splits_path: Path | None, rules: IntakeRules) -> list[str]:
    """Take files into the store at a path; return what became of them.

    Raises:
        TechnicError: as `run_import`.
    """
    index = SymbolIndex()
    with _opened(store, index) as file:
        intake = Intake(file, index, rules)
        for part in sessions_in(path, splits_path):
            intake.take(part)
        if splits_path is not None and intake.seen:
            # From the first session on the file has all there are.
            first = to_day_number(min(intake.seen))
            intake.take_splits([split for split in read_splits(splits_path, None) if split.session_day >= first])
    return intake.report()
