"""Writes sessions into a store and tells each one that is committed: `python -m tests.fetcher.store_writer PATH`."""

import sys
from datetime import date
from pathlib import Path

import numpy as np

from services.fetcher.source import SessionBars
from services.fetcher.store_file import StoreFile
from services.fetcher.store_layout import Place
from services.fetcher.symbols import SymbolIndex
from services.market.sessions import sessions_ending, to_day_number
from tests.fetcher.fake_source import LATEST

SESSIONS = sessions_ending(LATEST, 40)[::-1]


def symbols_of(session: date) -> tuple[str, ...]:
    """Give the symbols that trade in a session: some join with time, in an order of their own."""
    count = 400 + to_day_number(session) % 50
    return tuple(f"S{(number * 7) % count}" for number in range(count) if count % 7)


def bars_of(session: date, index: SymbolIndex) -> SessionBars:
    """Give the one true answer for a session."""
    symbols = symbols_of(session)
    rng = np.random.default_rng(to_day_number(session))
    return SessionBars(session, index.add(symbols), rng.random((5, len(symbols))), 0)


if __name__ == "__main__":
    written = SymbolIndex()
    file = StoreFile(Place(Path(sys.argv[1]), "simulated-1"), written)
    for newest_first in SESSIONS:
        file.write(bars_of(newest_first, written), 1.7e9)
        print(newest_first, flush=True)  # noqa: T201 - read by the test
