"""Tells whether somebody is waiting for the fetcher, so that what may wait does."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from services.fetcher.timer import Timer

T = TypeVar("T")


class DisturbedError(Exception):
    """Work of the background was broken off, because somebody came."""


class Activity:
    """Counts what is going on for somebody: scans, syncs, warming."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._count = 0
        self._ended_at = float("-inf")
        self._begun, self._over = asyncio.Event(), asyncio.Event()
        self._over.set()

    def __repr__(self) -> str:
        return f"Activity({self._count} going on)"

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Say that something is going on while the block runs."""
        self._count += 1
        self._begun.set()
        self._over.clear()
        try:
            yield
        finally:
            self._count -= 1
            self._ended_at = self._timer.time()
            if not self._count:
                self._begun.clear()
                self._over.set()

    async def quiet(self, seconds: float) -> None:
        """Wait until nothing has been going on for so many seconds."""
        while True:
            await self._over.wait()
            left_s = self._ended_at + seconds - self._timer.time()
            if left_s <= 0:
                return
            await self._timer.sleep(left_s)

    async def undisturbed(self, work: Coroutine[None, None, T]) -> T:
        """Return what `work` returns, or break it off as soon as something begins.

        Raises:
            DisturbedError: it was broken off.
        """
        task, begun = asyncio.create_task(work), asyncio.create_task(self._begun.wait())
        try:
            await asyncio.wait((task, begun), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise DisturbedError
            return task.result()
        finally:
            for one in (task, begun):
                one.cancel()
            await asyncio.gather(task, begun, return_exceptions=True)


def report_end(task: asyncio.Task[None]) -> None:
    """Log that a task of the background, which should only end with the service, ended by a mistake of ours."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        structlog.get_logger().error("background_failed", task=task.get_name(), exc_info=error)
