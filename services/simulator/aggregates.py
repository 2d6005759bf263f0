"""The endpoints that answer bars: grouped daily, custom bars, previous day, full-market snapshot."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Final

import numpy as np
from aiohttp import web
from cachetools import LRUCache

from services.market.sessions import NEW_YORK
from services.simulator.answers import (
    REQUEST_ID,
    accepts_gzip,
    answer,
    body_response,
    compressed,
    decompressed,
    encoded,
)
from services.simulator.body import grouped_body
from services.simulator.cache import Folder
from services.simulator.feed import Feed
from services.simulator.history import History
from services.simulator.paging import day_of
from services.simulator.plans import Plan
from services.simulator.quotes import rows_of
from services.simulator.snapshot import snapshot_rows
from services.simulator.vantage import Vantage

_CLOSE: Final = time(16)
HISTORY_BYTES: Final = 64 * 2**20
"""Finished histories that are kept in memory: who asks for thousands again waits for a server, not for a market."""
_MAKERS: Final = 2  # threads that make bodies: more of them only evict each other's caches


class Aggregates:
    """Answers about bars.

    Args:
        feed: the bars.
        plan: of the key.
        clock: returns the present moment, aware.
        folder: where finished bodies are kept; None keeps none.
    """

    def __init__(self, feed: Feed, plan: Plan, clock: Callable[[], datetime], folder: Folder | None) -> None:
        self._feed = feed
        self._plan = plan
        self._clock = clock
        self._folder = folder
        self._history = History(feed)
        self._histories: LRUCache[tuple[str, bool, date, int], bytes] = LRUCache(HISTORY_BYTES, _kept_bytes)
        self._makers = asyncio.Semaphore(_MAKERS)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints; their names are the ones that calls are counted under."""
        symbol = "/v2/aggs/ticker/{symbol}"
        snapshot = "/v2/snapshot/locale/us/markets/stocks/tickers"
        return [
            web.get("/v2/aggs/grouped/locale/us/market/stocks/{day}", self.grouped, name="grouped"),
            web.get(symbol + "/range/{multiplier}/{timespan}/{first}/{last}", self.history, name="history"),
            web.get(symbol + "/prev", self.previous, name="previous"),
            web.get(snapshot, self.snapshot, name="snapshot"),
        ]

    async def grouped(self, request: web.Request) -> web.Response:
        """Answer the bars of all symbols in one session; 200 without `results` if there are none."""
        view = self._view()
        day = day_of(request.match_info["day"], "date")
        self._plan.check_ended(day, view.now)
        self._plan.check_history(day, view.now)
        adjusted = _adjusted(request)
        position = self._feed.position(day)
        if position is None or view.elapsed(position) == 0:
            empty = {"queryCount": 0, "resultsCount": 0, "adjusted": adjusted, "status": self._plan.status}
            return await answer(request, {**empty, "request_id": request[REQUEST_ID]})
        async with self._makers:
            body = await asyncio.to_thread(self._grouped_body, view, position, adjusted=adjusted)
        if accepts_gzip(request):
            return body_response(body)
        return body_response(await asyncio.to_thread(decompressed, body))

    async def history(self, request: web.Request) -> web.Response:
        """Answer the daily bars of one symbol; 200 without `results` if it is unknown or has none."""
        view = self._view()
        key = str(request.url), accepts_gzip(request), view.today, view.newest()
        body = self._histories.get(key)
        if body is None:
            found = await asyncio.to_thread(self._history.page, view, request)
            ticker, request_id = request.match_info["symbol"], request[REQUEST_ID]
            body = await encoded(request, {"ticker": ticker, **found, "request_id": request_id})
            if view.elapsed(view.newest()) == 1 and len(body) < HISTORY_BYTES:
                self._histories[key] = body
        return body_response(body)

    async def previous(self, request: web.Request) -> web.Response:
        """Answer the newest whole bar of one symbol, stamped like a grouped one."""
        view = self._view()
        symbol, adjusted = request.match_info["symbol"], _adjusted(request)
        position = view.newest_completed()
        found: list[dict[str, object]] = []
        column = self._history.column(symbol)
        if column is not None:
            basis = view.executed if adjusted else None
            quotes = self._feed.quotes(np.array([position]), np.array([column]), basis, 1.0)
            found = [{"T": symbol, **row} for row in rows_of(quotes, [_close_ms(self._feed.sessions[position])])]
        count = {"queryCount": len(found), "resultsCount": len(found), "adjusted": adjusted}
        members = {"ticker": symbol, **count, "status": self._plan.status, "request_id": request[REQUEST_ID]}
        return await answer(request, {**members, "results": found} if found else members)

    async def snapshot(self, request: web.Request) -> web.Response:
        """Answer the running session of all symbols, beside the one before."""
        self._plan.check_snapshot()
        wanted = frozenset(request.query["tickers"].split(",")) if request.query.get("tickers") else None
        rows = await asyncio.to_thread(snapshot_rows, self._view(), wanted)
        status = {"status": self._plan.status, "request_id": request[REQUEST_ID], "count": len(rows)}
        return await answer(request, {**status, "tickers": rows})

    def _view(self) -> Vantage:
        return Vantage(self._feed, self._plan, self._clock())

    def _grouped_body(self, view: Vantage, position: int, *, adjusted: bool) -> bytes:
        """Return the gzipped body: of a whole session from its file, if there is one."""
        session, elapsed = self._feed.sessions[position], view.elapsed(position)
        basis = f"adjusted{self._feed.split_count(view.executed)}" if adjusted else "raw"
        name = f"{session}-{basis}-{self._plan.status.lower()}"
        kept = self._folder.read(f"{name}.json.gz") if self._folder is not None and elapsed == 1 else None
        if kept is not None:
            return kept
        rows, count = self._feed.rows(position, view.executed if adjusted else None, elapsed, _close_ms(session))
        plain = grouped_body(rows, count, adjusted=adjusted, status=self._plan.status, name=name)
        body = compressed(plain)
        if self._folder is not None and elapsed == 1:
            self._folder.write(f"{name}.json.gz", body)
        return body


def _kept_bytes(body: bytes) -> int:
    """Return what a kept body takes, about, with its key."""
    return len(body) + 1_000


def _adjusted(request: web.Request) -> bool:
    return request.query.get("adjusted", "true") != "false"


def _close_ms(session: date) -> int:
    """Return 16:00 New York in ms, on half days too (an assumption)."""
    return int(datetime.combine(session, _CLOSE, NEW_YORK).timestamp() * 1000)
