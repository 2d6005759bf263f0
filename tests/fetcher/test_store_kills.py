"""What the end of a process, a torn write or another process does to a store: nothing."""

import multiprocessing
import random
import shutil
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import Place
from services.fetcher.symbols import SymbolIndex
from tests.fetcher.store_writer import SESSIONS, STEPS, bars_of, require_right, take, write

KILLS = 100
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that writes, and the end of the pipe by which it tells its steps."""

    process: BaseProcess
    told: Connection

    def kill(self, after_steps: int, then_s: float) -> int:
        """Kill it so many seconds after a step; return the steps that it told."""
        steps = 0
        while steps < after_steps:
            assert self.told.poll(PATIENCE_S)
            steps = self.told.recv()
        deadline = time.perf_counter() + then_s
        while time.perf_counter() < deadline:
            pass
        self.process.kill()
        return self.end(steps)

    def end(self, steps: int = 0) -> int:
        """Wait for its end; return the steps that it told."""
        with suppress(EOFError):
            while self.told.poll(PATIENCE_S):
                steps = self.told.recv()
        self.process.join()
        self.told.close()
        return steps


Spawn = Callable[..., Writer]


@pytest.fixture(scope="module")
def spawn() -> Spawn:
    """Start writers quickly: they are forked from a process that has imported all there is to import."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.fetcher.store_writer"])

    def started(path: Path, first: tuple[str, ...] = ()) -> Writer:
        told, telling = context.Pipe(duplex=False)
        process = context.Process(target=write, args=(path, first, telling), daemon=True)
        process.start()
        telling.close()
        return Writer(process, told)

    return started


def opened(path: Path, index: SymbolIndex) -> closing[StoreFile]:
    return closing(StoreFile(Place(path, "simulated-1"), index))


def test_a_writer_killed_at_any_moment_loses_nothing_and_leaves_nothing_torn(tmp_path: Path, spawn: Spawn) -> None:
    moments = random.Random(4)  # noqa: S311 - repeatable choices
    for trial in range(KILLS):
        path = tmp_path / str(trial) / "bars.sqlite3"
        path.parent.mkdir()
        steps = spawn(path).kill(moments.randint(0, len(STEPS) - 1), moments.random() * 0.002)
        index = SymbolIndex()
        with opened(path, index) as file:
            # What was told is there. One step more may be: it was committed, but not told any more.
            done = steps + (not _is_after(file, index, steps))
            require_right(file, index, done)
            for step in STEPS[done:]:
                take(file, index, step)
            require_right(file, index, len(STEPS))
        shutil.rmtree(path.parent)


def _is_after(file: StoreFile, index: SymbolIndex, steps: int) -> bool:
    try:
        require_right(file, index, steps)
    except AssertionError:
        return False
    return True


def test_two_processes_write_one_store_at_once(tmp_path: Path, spawn: Spawn) -> None:
    path = tmp_path / "bars.sqlite3"
    writers = [spawn(path), spawn(path, ("ONLY", "HERE"))]
    assert [writer.end() for writer in writers] == [len(STEPS)] * 2
    index = SymbolIndex()
    with opened(path, index) as file:
        other = SymbolIndex()
        for session in SESSIONS:
            found = file.read(session)
            assert found is not None
            symbols = [index.symbol_at(column) for column in found.columns.tolist()]
            answers = [bars_of(session, other, version) for version in (0, 1)]
            assert symbols == [other.symbol_at(column) for column in answers[0].columns.tolist()]
            assert found.bars.tobytes() in [answer.bars.tobytes() for answer in answers]
        assert file.quarantined() == ()


def test_a_log_that_was_torn_anywhere_gives_what_was_written_before(tmp_path: Path) -> None:
    path, index = tmp_path / "whole" / "bars.sqlite3", SymbolIndex()
    log = Path(f"{path}-wal")
    ends: list[int] = []
    with opened(path, index) as file:
        for step in STEPS[:10]:
            take(file, index, step)
            ends.append(log.stat().st_size)
        # Some steps lie in the file, the others in the log.
        begun = log.read_bytes(), path.read_bytes()
    places = random.Random(5)  # noqa: S311 - repeatable choices
    for trial in range(60):
        torn = tmp_path / str(trial) / "bars.sqlite3"
        torn.parent.mkdir()
        torn.write_bytes(begun[1])
        length = places.randint(0, len(begun[0]))
        rest = places.randbytes(places.choice((0, 0, 5_000, 200_000)))
        Path(f"{torn}-wal").write_bytes(begun[0][:length] + rest)
        again = SymbolIndex()
        with opened(torn, again) as file:
            require_right(file, again, sum(end <= length for end in ends))
        shutil.rmtree(torn.parent)


def test_a_page_of_the_log_that_was_half_written_is_not_read(tmp_path: Path) -> None:
    path, index = tmp_path / "whole" / "bars.sqlite3", SymbolIndex()
    with opened(path, index) as file:
        for step in STEPS[:4]:
            take(file, index, step)
        whole, log = path.read_bytes(), bytearray(Path(f"{path}-wal").read_bytes())
    last = len(log) - 30_000
    log[last : last + 512] = bytes(512)
    torn = tmp_path / "torn.sqlite3"
    torn.write_bytes(whole)
    Path(f"{torn}-wal").write_bytes(log)
    again = SymbolIndex()
    with opened(torn, again) as file:
        require_right(file, again, 3)
        take(file, again, STEPS[3])
        require_right(file, again, 4)
