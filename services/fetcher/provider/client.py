"""Questions to the provider: attempts through the circuit breaker, retries, pages, and answers read in threads."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from services.fetcher.provider.breaker import Attempt, Breaker
from services.fetcher.provider.limits import MARGIN, Plan, RateLimiter
from services.fetcher.provider.parse import Page
from services.fetcher.provider.retry import Retrier, RetryBudget, RetryPolicy
from services.fetcher.provider.transport import Endpoint, Transport
from services.fetcher.provider.unpack import unpack
from services.fetcher.timer import LoopTimer
from services.market.errors import MalformedAnswerError

T = TypeVar("T")

PAGE_LIMIT: Final = 50
"""Pages of one answer at most."""
EMPTY_ASKS: Final = 3
"""How often an empty page is asked for before it is believed: a lost page of splits would make wrong bars."""
PATIENCE_S: Final = 60.0
"""Seconds for one answer with all its retries, beside the waiting for the rate limit."""
DECODERS: Final = 2
"""Threads that unpack and decode."""
DECODER_NICENESS: Final = 10
"""How far they stand back for other threads, as of `nice`."""


def _step_back() -> None:
    """Let the thread that answers calls go first: on two cores, two that decode made answers late for a budget."""
    if sys.platform != "linux":  # a thread has no niceness of its own
        return
    thread = threading.get_native_id()
    # Where a sandbox forbids that, threads are as good as without.
    with contextlib.suppress(OSError):
        niceness = os.getpriority(os.PRIO_PROCESS, thread) + DECODER_NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, min(19, niceness))


class Client:
    """Asks the provider within its plan's rate. Made inside the event loop that it serves.

    What is asked for *sparingly* (of single symbols, of which there may be thousands) shares one retry budget and fails
    at once while the provider is down; everything else is asked for until its deadline.

    Args:
        endpoint: where the API is, the key, the calls in flight.
        plan: how often it may be called.
        policy: how often to try.
    """

    def __init__(self, endpoint: Endpoint, plan: Plan, policy: RetryPolicy) -> None:
        self._timer = LoopTimer()
        self._limiter = RateLimiter(plan.calls, plan.window_s * MARGIN, self._timer)
        self._transport = Transport(endpoint, self._limiter, self._timer)
        self._breaker = Breaker(self._timer)
        self._retrier = Retrier(policy, self._timer)
        self._budget = RetryBudget()
        self._patience_s = PATIENCE_S + 3 * plan.window_s
        self._threads = ThreadPoolExecutor(DECODERS, "decode", initializer=_step_back)

    def __repr__(self) -> str:
        return f"Client({self._transport!r}, {self._limiter!r}, {self._breaker!r})"

    @property
    def request_count(self) -> int:
        """HTTP calls made so far, retries included."""
        return self._transport.request_count

    @property
    def answer_counts(self) -> Mapping[str, int]:
        """HTTP calls by the status of their answer."""
        return self._transport.answer_counts

    @property
    def spacing_s(self) -> float:
        """Seconds from call to call at the full rate."""
        return self._limiter.spacing_s

    @property
    def failing(self) -> bool:
        """Whether the provider is taken to be down."""
        return self._breaker.is_open

    async def ask(self, target: str, read: Callable[[bytes], T], *, sparing: bool = False, urgent: bool = True) -> T:
        """Get a path and query, and read the answer in a thread; again as long as `retry` sees sense in it.

        Args:
            target: path and query under the base URL.
            read: makes an answer of its plain bytes; a MalformedAnswerError from it is retried like any.
            sparing: whether retries count against the shared budget.
            urgent: whether it goes before the other calls that wait for the rate limit.

        Raises:
            TechnicError: the last attempt's.
        """
        deadline = self._timer.time() + self._patience_s
        loop = asyncio.get_running_loop()

        async def attempt() -> T:
            with Attempt(self._breaker) as trial:
                answer = await self._transport.get(target, deadline, trial.begin, urgent=urgent)
                return await loop.run_in_executor(self._threads, lambda: read(unpack(answer.body, answer.encoding)))

        return await self._retrier.run(attempt, deadline, self._budget if sparing else None)

    async def pages(
        self, target: str, parse: Callable[[bytes], Page[T]], *, sparing: bool = False
    ) -> tuple[tuple[T, ...], int]:
        """Return the rows of all pages, and how many rows were refused; an empty page is asked for again.

        Args:
            target: path and query of the first page.
            parse: reads a page.
            sparing: as in `ask`; then an empty page is believed at once.

        Raises:
            MalformedAnswerError: also for pages that come to no end.
            TechnicError: as `ask`.
        """
        rows: list[T] = []
        refused_count = 0
        seen: set[str] = set()
        while target:
            if target in seen or len(seen) == PAGE_LIMIT:
                raise MalformedAnswerError(f"The provider's pages come to no end: {len(seen)} were read")
            seen.add(target)
            for _ in range(1 if sparing else EMPTY_ASKS):
                page = await self.ask(target, parse, sparing=sparing)
                if page.rows:
                    break
            rows.extend(page.rows)
            refused_count += page.refused_count
            target = page.following
        return tuple(rows), refused_count

    async def close(self) -> None:
        """Close all connections and end the threads."""
        await self._transport.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
