"""Runs blocking work in a few threads, with a bound on what may wait."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from services.market.errors import OverloadedError

P = ParamSpec("P")
R = TypeVar("R")


class WorkPool:
    """Threads for work that would hold up the event loop. A context manager; leaving it waits for running work.

    Args:
        threads: how much runs at once.
        limit: how much may run or wait; more is refused, so that callers learn of it in time.
    """

    def __init__(self, threads: int = 2, limit: int = 64) -> None:
        self._limit = limit
        self._places = threading.BoundedSemaphore(limit)
        self._executor = ThreadPoolExecutor(threads, "work")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._executor.shutdown(cancel_futures=True)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call `function` in a thread. A cancelled caller leaves at once; its work is dropped unless it runs already.

        Raises:
            OverloadedError: as much as allowed runs and waits already.
        """
        if not self._places.acquire(blocking=False):
            raise OverloadedError(f"{self._limit} requests run or wait here already", retry_after_s=0.1)
        future = self._executor.submit(function, *args, **kwargs)
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)
