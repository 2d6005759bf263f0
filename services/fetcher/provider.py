"""Massive's REST API as a source of raw bars."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Final, Literal, TypeVar
from urllib.parse import quote

import structlog

from services.fetcher.decode import decode_grouped
from services.fetcher.limits import MARGIN, Plan, RateLimiter
from services.fetcher.parse import (
    Page,
    parse_bars,
    parse_details,
    parse_listings,
    parse_snapshot,
    parse_splits,
    symbol_bars,
    unpack,
)
from services.fetcher.refusals import AbsentError
from services.fetcher.retry import Retrier, RetryBudget, RetryPolicy
from services.fetcher.source import Details, Listing, Pace, SessionBars, SymbolBars
from services.fetcher.symbols import SymbolIndex, is_symbol
from services.fetcher.timer import LoopTimer
from services.fetcher.transport import Endpoint, Transport
from services.market.adjust import Split
from services.market.errors import MalformedAnswerError, ProviderPlanError

T = TypeVar("T")

PAGE_LIMIT: Final = 50
"""Pages of one answer at most."""
EMPTY_ASKS: Final = 3
"""How often an empty page is asked for before it is believed: a lost page of splits would make wrong bars."""
PATIENCE_S: Final = 60.0
"""Seconds for one answer with all its retries, beside the waiting for the rate limit."""
DECODERS: Final = 2
"""Threads that unpack and decode."""

_GROUPED: Final = "/v2/aggs/grouped/locale/us/market/stocks/{day}?adjusted={adjusted}&include_otc=false"
_RANGE: Final = "/v2/aggs/ticker/{symbol}/range/1/day/{first}/{last}?adjusted=false&sort=asc&limit=50000"
_LISTINGS: Final = "/v3/reference/tickers?market=stocks&active=true&limit=1000"
_LISTING_CUTS: Final = ("AS", "BR", "CN", "DS", "FC", "GI", "IB", "KA", "MD", "NO", "PG", "RE", "SL", "TI", "VM")
"""Symbols that cut the market of 2025 and 2026 into parts of 700 to 900 listings: a page each, read side by side."""
_DETAILS: Final = "/v3/reference/tickers/{symbol}"
_SNAPSHOT: Final = "/v2/snapshot/locale/us/markets/stocks/tickers?include_otc=false"
_SPLITS: Final = "/stocks/v1/splits?execution_date.gte={first}&limit=5000"


class MassiveSource:
    """A `BarSource` over HTTP: the provider's real API, or the simulator's. Made inside the event loop that it serves.

    Args:
        endpoint: where the API is, the key, the calls in flight.
        plan: what the key may do.
        clock: tells now, as an aware time.
        index: numbers of the symbols in the bars.
        name: massive, simulated, or replay: the simulator over real bars.
        retry_policy: how often to try.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        plan: Plan,
        clock: Callable[[], datetime],
        index: SymbolIndex,
        *,
        name: Literal["massive", "simulated", "replay"] = "massive",
        retry_policy: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._index = index
        self._name = name
        self._concurrency = min(endpoint.concurrency, plan.calls)
        self._timer = LoopTimer()
        limiter = RateLimiter(plan.calls, plan.window_s * MARGIN, self._timer)
        self._pace = Pace(plan.name, limiter.spacing_s)
        self._transport = Transport(endpoint, limiter, self._timer)
        self._retrier = Retrier(retry_policy, self._timer)
        self._repair_budget = RetryBudget()
        self._threads = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")

    def __repr__(self) -> str:
        return f"MassiveSource({self._name}, {self._plan.name}, {self._transport!r})"

    @property
    def name(self) -> str:
        """Name of the provider: massive, simulated or replay."""
        return self._name

    @property
    def simulated(self) -> bool:
        """Whether the bars are generated ones."""
        return self._name == "simulated"

    @property
    def request_count(self) -> int:
        """HTTP calls made so far, retries included."""
        return self._transport.request_count

    @property
    def concurrency(self) -> int:
        """How many calls may be in flight: no more than the plan allows in a window."""
        return self._concurrency

    @property
    def pace(self) -> Pace:
        """The plan's name and rate."""
        return self._pace

    @property
    def repair_limit(self) -> int:
        """How many symbols the plan affords to ask for one by one in a scan."""
        return self._plan.repair_limit

    def latest_session(self) -> date:
        """Return the newest session that the plan shows now."""
        return self._plan.latest_session(self._clock())

    async def session_bars(self, session: date) -> SessionBars:
        """Return the raw bars of one session, in one call; no bars are an error, for a session has some."""
        return await self._grouped(session, adjusted=False)

    async def adjusted_bars(self, session: date) -> SessionBars:
        """Return the bars of one session as the provider restates them for the splits up to today."""
        return await self._grouped(session, adjusted=True)

    async def _grouped(self, session: date, *, adjusted: bool) -> SessionBars:
        target = _GROUPED.format(day=session, adjusted=str(adjusted).lower())
        # Sessions are many: where calls are few, whatever else is asked for goes first.
        return await self._ask(target, lambda body: decode_grouped(body, session, self._index), urgent=False)

    def running_session(self) -> date | None:
        """Return the session that trades now, as the plan sees it."""
        return self._plan.running_session(self._clock())

    def first_day(self) -> date | None:
        """Return the first day of the plan's history; None for all there is."""
        return self._plan.first_day(self._clock())

    async def running_bars(self, session: date) -> SessionBars:
        """Return the bars so far of the running session, from the snapshot of the whole market: one call."""
        if not self._plan.snapshot:
            raise ProviderPlanError(f"The plan {self._plan.name} has no snapshot of a running session")
        return await self._ask(_SNAPSHOT, lambda body: parse_snapshot(body, session, self._index))

    async def details(self, symbol: str) -> Details | None:
        """Return what is known of one symbol; None for an unknown one."""
        if not is_symbol(symbol) or not symbol.strip("."):
            return None
        try:
            return await self._ask(
                _DETAILS.format(symbol=quote(symbol, safe="")), parse_details, self._repair_budget, urgent=False
            )
        except AbsentError:
            return None

    async def listings(self) -> tuple[Listing, ...]:
        """Return the reference list, each symbol once, completed by what a file knows.

        Raises:
            TechnicError: also if the list is empty, which the market never is.
        """
        # Every symbol lies in exactly one part, whatever order the provider has. Plain paging needs fewer calls, for
        # plans that have few.
        cuts = _LISTING_CUTS if self._plan.calls > len(_LISTING_CUTS) else ()
        lower = ("", *(f"&ticker.gte={cut}" for cut in cuts))
        upper = (*(f"&ticker.lt={cut}" for cut in cuts), "")
        targets = [_LISTINGS + first + end for first, end in zip(lower, upper, strict=True)]
        parts = await _side_by_side([self._pages(target, parse_listings, EMPTY_ASKS) for target in targets])
        rows = [listing for part, _ in parts for listing in part]
        if not rows:
            raise MalformedAnswerError("The provider's reference list is empty")
        return tuple({listing.symbol: listing for listing in rows}.values())

    async def splits(self, first: date) -> tuple[Split, ...]:
        """Return the splits executing on or after `first`; duplicates and future ones included."""
        rows, refused_count = await self._pages(_SPLITS.format(first=first), parse_splits, EMPTY_ASKS)
        if refused_count:
            structlog.get_logger().warning("splits_refused", count=refused_count)
        return rows

    async def symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        """Return the raw bars of one symbol, as far back as the plan goes; empty for an unknown one."""
        earliest = self._plan.first_day(self._clock())
        begin = first if earliest is None else max(first, earliest)
        # A text of dots alone would change the path.
        if begin > last or not is_symbol(symbol) or not symbol.strip("."):
            return symbol_bars(symbol, (), first, last)
        target = _RANGE.format(symbol=quote(symbol, safe=""), first=begin, last=last)
        try:
            rows, _ = await self._pages(target, parse_bars, 1, self._repair_budget)
        except AbsentError:
            rows = ()
        return symbol_bars(symbol, rows, begin, last)

    async def close(self) -> None:
        """Close all connections and end the threads."""
        await self._transport.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _pages(
        self, target: str, parse: Callable[[bytes], Page[T]], empty_asks: int, budget: RetryBudget | None = None
    ) -> tuple[tuple[T, ...], int]:
        """Return the rows of all pages, and how many rows were refused."""
        rows: list[T] = []
        refused_count = 0
        seen: set[str] = set()
        while target:
            if target in seen or len(seen) == PAGE_LIMIT:
                raise MalformedAnswerError(f"The provider's pages come to no end: {len(seen)} were read")
            seen.add(target)
            for _ in range(empty_asks):
                page = await self._ask(target, parse, budget)
                if page.rows:
                    break
            rows.extend(page.rows)
            refused_count += page.refused_count
            target = page.following
        return tuple(rows), refused_count

    async def _ask(
        self, target: str, read: Callable[[bytes], T], budget: RetryBudget | None = None, *, urgent: bool = True
    ) -> T:
        """Get a path and query, and read the answer in a thread; again as long as `retry` sees sense in it."""
        deadline = self._timer.time() + PATIENCE_S + 3 * self._plan.window_s
        loop = asyncio.get_running_loop()

        async def attempt() -> T:
            answer = await self._transport.get(target, deadline, urgent=urgent)
            return await loop.run_in_executor(self._threads, lambda: read(unpack(answer.body, answer.encoding)))

        return await self._retrier.run(attempt, deadline, budget)


async def _side_by_side(calls: list[Coroutine[None, None, T]]) -> list[T]:
    """Return what all calls return, in their order; the first error ends them all."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first
