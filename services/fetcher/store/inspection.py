"""What a store holds, and whether all of it is sound."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog

from services.fetcher.store.check import flaws_of
from services.fetcher.store.file import StoreFile
from services.fetcher.store.quarantine import QuarantinedRow
from services.fetcher.store.store import Store
from services.market.errors import LocalDataError

T = TypeVar("T")

TELL_S: Final = 0.2
"""Seconds between two reports of a check."""


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """What a store holds.

    Attributes:
        path: of its file.
        sessions: ascending.
        symbol_count: symbols that have a bar in any of them.
        byte_count: bytes on disk.
        quarantined: rows that were found damaged, the oldest first.
        retention: sessions that are kept at most.
        restated_count: bars that the provider changed after they were first stored.
    """

    path: Path
    sessions: tuple[date, ...]
    symbol_count: int
    byte_count: int
    quarantined: tuple[QuarantinedRow, ...]
    retention: int
    restated_count: int


@dataclass(frozen=True, slots=True)
class Verified:
    """How far a check of everything has come: rows checked, rows there are, those found damaged and put aside."""

    checked_count: int
    total_count: int
    damaged: tuple[QuarantinedRow, ...]
    done: bool = False


async def status_of(store: Store) -> StoreStatus:
    """Return what a store holds.

    Raises:
        LocalDataError: there is none, or it cannot be read.
    """

    def look(file: StoreFile) -> StoreStatus:
        return StoreStatus(
            path=file.path,
            sessions=file.sessions(),
            symbol_count=file.symbol_count,
            byte_count=file.byte_count,
            quarantined=file.quarantined(),
            retention=store.retention,
            restated_count=file.restated_count,
        )

    return await _told(store, look)


async def verify(store: Store, report: Callable[[Verified], Awaitable[None]]) -> None:
    """Check all rows, one by one between other work, and put the damaged ones aside; then the file's own pages.

    Args:
        store: that is checked.
        report: is told how far that has come, about every `TELL_S`, and the end.

    Raises:
        LocalDataError: there is no store, or the file itself is damaged.
    """
    keys = await _told(store, StoreFile.every_key)
    damaged: list[QuarantinedRow] = []
    told_at = -TELL_S
    for count, key in enumerate(keys):
        if time.monotonic() - told_at >= TELL_S:
            await report(Verified(count, len(keys), tuple(damaged)))
            told_at = time.monotonic()
        found = await _told(store, partial(StoreFile.check, key=key))
        if found is not None:
            # At once: whoever breaks this off has put it aside all the same.
            damaged.append(found)
            structlog.get_logger().warning("store_row_damaged", row=found.name, damage=found.damage)
            await store.recount()
    await _require_sound((await status_of(store)).path)
    await report(Verified(len(keys), len(keys), tuple(damaged), done=True))


async def _told(store: Store, work: Callable[[StoreFile], T]) -> T:
    """Return what work on the file comes to.

    Raises:
        LocalDataError: there is no store, or it could not be done.
    """
    store.require()
    # In a tuple: None is also what `use` says of work that could not be done.
    done = await store.use(lambda file: (work(file),))
    store.require()
    if done is None:
        raise LocalDataError("the store is busy, or a row of it damaged: ask again")
    return done[0]


async def _require_sound(path: Path) -> None:
    try:
        flaws = await asyncio.to_thread(flaws_of, path)
    except sqlite3.Error as error:
        flaws = [str(error)]
    if flaws:
        raise LocalDataError(f"the file {path} is damaged ({flaws[0].splitlines()[-1]}): move it away, and sync again")
