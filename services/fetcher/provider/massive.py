"""Massive's REST API as a source of raw bars."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import date, datetime
from typing import Final, Literal, TypeVar
from urllib.parse import quote

import structlog

from services.fetcher.provider.client import Client
from services.fetcher.provider.decode import decode_grouped
from services.fetcher.provider.flights import Flights
from services.fetcher.provider.limits import Plan
from services.fetcher.provider.parse import (
    parse_bars,
    parse_details,
    parse_listings,
    parse_snapshot,
    parse_splits,
    symbol_bars,
)
from services.fetcher.provider.refusals import AbsentError
from services.fetcher.provider.retry import RetryPolicy
from services.fetcher.provider.transport import Endpoint
from services.fetcher.provider.validity import plausible
from services.fetcher.source import Details, Listing, Pace, SessionBars, SymbolBars
from services.fetcher.symbols import SymbolIndex, is_symbol
from services.market.adjust import Split
from services.market.errors import MalformedAnswerError, ProviderPlanError

T = TypeVar("T")

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
        self._client = Client(endpoint, plan, retry_policy)
        self._pace = Pace(plan.name, self._client.spacing_s)
        self._symbol_flights = Flights[SymbolBars]()
        self._detail_flights = Flights[Details | None]()

    def __repr__(self) -> str:
        return f"MassiveSource({self._name}, {self._plan.name}, {self._client!r})"

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
        return self._client.request_count

    @property
    def answer_counts(self) -> Mapping[str, int]:
        """HTTP calls by the status of their answer: 200, 429, ..., other, none."""
        return self._client.answer_counts

    @property
    def failing(self) -> bool:
        """Whether the provider is taken to be down: call after call has failed, and none has come since."""
        return self._client.failing

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

    @property
    def _traded(self) -> bool:
        """Whether raw bars are prices as they were traded; those of a replayed file may be adjusted ones."""
        return self._name != "replay"

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
        return await self._client.ask(
            target, lambda body: self._read_session(body, session, raw=not adjusted), urgent=False
        )

    def _read_session(self, body: bytes, session: date, *, raw: bool) -> SessionBars:
        bars = decode_grouped(body, session, self._index)
        return plausible(bars) if raw and self._traded else bars

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
        return await self._client.ask(_SNAPSHOT, lambda body: plausible(parse_snapshot(body, session, self._index)))

    async def details(self, symbol: str) -> Details | None:
        """Return what is known of one symbol; None for an unknown one."""
        if not is_symbol(symbol) or not symbol.strip("."):
            return None
        return await self._detail_flights.join(symbol, lambda: self._ask_details(symbol))

    async def _ask_details(self, symbol: str) -> Details | None:
        target = _DETAILS.format(symbol=quote(symbol, safe=""))
        try:
            return await self._client.ask(target, lambda body: parse_details(body, symbol), sparing=True, urgent=False)
        except AbsentError:
            return None

    async def listed_on(self, session: date) -> None:
        """Return None: a list is asked for as it is now, and kept (ADR 0016)."""

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
        parts = await _side_by_side([self._client.pages(target, parse_listings) for target in targets])
        rows = [listing for part, _ in parts for listing in part]
        if not rows:
            raise MalformedAnswerError("The provider's reference list is empty")
        return tuple({listing.symbol: listing for listing in rows}.values())

    async def splits(self, first: date) -> tuple[Split, ...]:
        """Return the splits executing on or after `first`; duplicates and future ones included."""
        rows, refused_count = await self._client.pages(_SPLITS.format(first=first), parse_splits)
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
        return await self._symbol_flights.join(
            (symbol, begin, last), lambda: self._ask_symbol_bars(symbol, begin, last)
        )

    async def _ask_symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        target = _RANGE.format(symbol=quote(symbol, safe=""), first=first, last=last)
        try:
            rows, _ = await self._client.pages(target, parse_bars, sparing=True)
        except AbsentError:
            rows = ()
        bars = symbol_bars(symbol, rows, first, last)
        return plausible(bars) if self._traded else bars

    async def close(self) -> None:
        """Close all connections and end the threads."""
        await self._client.close()


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
