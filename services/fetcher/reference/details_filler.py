"""Asks for the details of symbols in the background, the most liquid ones first, while nobody waits for the fetcher."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from services.fetcher.activity import Activity, DisturbedError, report_end
from services.fetcher.reference.details import DetailsBook
from services.fetcher.reference.symbol_list import SymbolList
from services.fetcher.source import Details
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.sync import SessionSync
from services.fetcher.timer import Timer
from services.market.errors import ProviderAuthError, ProviderPlanError, TechnicError

UPTIME_S: Final = 30.0
"""Seconds before the first call: a process that lives for one scan asks for none."""
IDLE_S: Final = 5.0
"""Seconds without a scan or a sync before the next call."""
CALLS_IN_ONE: Final = 10
"""Calls of the plan's rate from one call here to the next: less than a tenth of it is used."""
LEAST_SPACING_S: Final = 0.1
"""Seconds between two calls where the plan allows any number: it asks to stay far below 100 a second."""
MOST_CALLS: Final = 8
"""Calls at most that one symbol is taken to have cost, retries included."""
ROUND_S: Final = 3600.0
"""Seconds after which it is looked again at what is due, and a symbol that failed is asked for again."""
BATCH: Final = 100
BATCH_S: Final = 60.0
"""Answers, and seconds, after which what came is written."""


class DetailsFiller:
    """Fills the book of details with one call a symbol. Nobody waits for it, and its failures are nobody's.

    Args:
        source: asked for the details.
        book: gets them.
        symbols: tells whom to ask for.
        sync: brings sessions, which go before.
        activity: tells when to pause.
        timer: the time.
    """

    def __init__(
        self,
        source: StoredSource,
        book: DetailsBook,
        symbols: SymbolList,
        sync: SessionSync,
        activity: Activity,
        timer: Timer,
    ) -> None:
        self._source = source
        self._book = book
        self._symbols = symbols
        self._sync = sync
        self._activity = activity
        self._timer = timer
        self._task: asyncio.Task[None] | None = None
        self._saved_at = 0.0
        self.failed_count = 0

    def __repr__(self) -> str:
        return f"DetailsFiller({self._book!r}, {self.failed_count} failed)"

    def start(self) -> None:
        """Begin; it ends with `close`."""
        self._saved_at = self._timer.time()
        self._task = asyncio.create_task(self._run(), name="details")
        self._task.add_done_callback(report_end)

    async def _run(self) -> None:
        await self._timer.sleep(UPTIME_S)
        while True:
            began = self._timer.time()
            symbols = await self._symbols.by_liquidity()
            if not symbols:
                # There is no list yet.
                await self._timer.sleep(UPTIME_S)
                continue
            await self._round(symbols, began + ROUND_S)
            await self._book.save()
            await self._timer.sleep(max(0.0, began + ROUND_S - self._timer.time()))

    async def _round(self, symbols: Sequence[str], until: float) -> None:
        """Ask for those of `symbols` that are due, until the timer's time `until`."""
        failed_before = self.failed_count
        for symbol in self._book.due(symbols, self._source.latest_session()):
            if self._timer.time() >= until:
                break
            calls_before = self._source.request_count
            try:
                details = await self._ask(symbol)
            except (ProviderAuthError, ProviderPlanError) as error:
                # Others would be refused just so.
                structlog.get_logger().warning("details_refused", error=error.message)
                return
            except TechnicError:
                # Due still: the next round asks again.
                self.failed_count += 1
            else:
                self._book.add(symbol, details, self._source.latest_session())
            await self._save_some()
            calls = min(max(self._source.request_count - calls_before, 1), MOST_CALLS)
            await self._timer.sleep(calls * max(CALLS_IN_ONE * self._source.pace.spacing_s, LEAST_SPACING_S))
        structlog.get_logger().info("details", known=self._book.known_count, failed=self.failed_count - failed_before)

    async def _ask(self, symbol: str) -> Details | None:
        """Ask for one symbol once nobody is waiting; a call that somebody disturbs is made again."""
        while True:
            await self._activity.quiet(IDLE_S)
            if self._sync.flight_count:
                # Of a scan that has given up: its sessions are wanted all the same.
                await self._timer.sleep(IDLE_S)
                continue
            try:
                return await self._activity.undisturbed(self._source.details(symbol))
            except DisturbedError:
                continue

    async def _save_some(self) -> None:
        now = self._timer.time()
        if self._book.unsaved_count >= BATCH or now - self._saved_at >= BATCH_S:
            self._saved_at = now
            await self._book.save()

    async def close(self) -> None:
        """End, and have written what came."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._book.save()
