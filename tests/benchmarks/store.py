"""The store on disk by itself: sessions appended, and all of them read into memory after a restart."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from services.fetcher.source import SessionBars
from services.fetcher.store.file import StoreFile
from services.fetcher.store.layout import Place
from services.fetcher.symbols import SymbolIndex
from services.market.panel import FIELDS
from services.market.sessions import sessions_ending
from tests.benchmarks.figures import Figure
from tests.benchmarks.scale import AS_OF, SESSIONS, Scale


def measure_store(scale: Scale) -> Iterator[Figure]:
    """Time one transaction a session, and reading them back, beside a plain copy of the same bytes."""
    symbols = tuple(f"S{number}" for number in range(scale.listings))
    values = np.random.default_rng(1).random((len(FIELDS), len(symbols)))
    appends: list[float] = []
    with tempfile.TemporaryDirectory(prefix="technic-bench-") as folder:
        place = Place(Path(folder) / "bars.sqlite3", "simulated-bench")
        index = SymbolIndex()
        file = StoreFile(place, index)
        columns = index.add(symbols)
        for session in sessions_ending(AS_OF, SESSIONS)[::-1]:
            began = time.perf_counter()
            file.write(SessionBars(session, columns, values, 0), time.time())
            appends.append(time.perf_counter() - began)
        file.close()
        reads = [_read_all(place) for _ in range(scale.repeats + 1)]
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    what = f"{len(symbols):,} x {SESSIONS}"
    yield Figure("store: append a session, median", "ms", (1000 * median(appends),), target=5)
    yield Figure("store: append a session, slowest", "ms", (1000 * max(appends),))
    yield Figure(f"store: read and check all, {what}", "s", tuple(reads[1:]), target=0.1, floor=_copy(values))
    yield Figure(f"store: size, {what}", "MB", (size / 1e6,))


def _read_all(place: Place) -> float:
    """Open the store as a new process would, and return the seconds that reading every session takes."""
    file = StoreFile(place, SymbolIndex())
    began = time.perf_counter()
    for session in file.sessions():
        file.read(session)
    seconds = time.perf_counter() - began
    file.close()
    return seconds


def _copy(values: np.ndarray) -> float:
    began = time.perf_counter()
    for _ in range(SESSIONS):
        values.tobytes()
    return time.perf_counter() - began
