"""The simulated REST API as an aiohttp application.

A call passes, in this order: its record, the latency, the fault that was asked for, the key, the plan's call limit, its
endpoint. The simulator's own endpoints, `GET /simulator/calls`, `GET /simulator/market` and `POST /simulator/faults`,
pass none of them.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from services.simulator.aggregates import Aggregates
from services.simulator.answers import REQUEST_ID, RefusalError, answer, new_request_id, refusal
from services.simulator.cache import Folder
from services.simulator.calendar import Calendar
from services.simulator.calls import CallLog
from services.simulator.directory import Directory, GeneratedDirectory
from services.simulator.faults import FaultSwitch, read_faults, suffer
from services.simulator.feed import Feed, GeneratedFeed
from services.simulator.market import Market
from services.simulator.plans import CallLimit, Plan
from services.simulator.reference import Reference
from services.simulator.replay import Replay

_OWN_PATHS: Final = "/simulator/"


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms the API answers.

    Args:
        key: the one valid API key; kept out of the repr.
        plan: of that key.
        latency_s: wait before every answer, in seconds.
    """

    key: str = field(repr=False)
    plan: Plan
    latency_s: float = 0.0


def create_app(
    market: Market, terms: Terms, clock: Callable[[], datetime], folder: Folder | None = None
) -> web.Application:
    """Return the application over a generated market.

    Args:
        market: what it answers from.
        terms: key, plan, latency.
        clock: returns the present moment, aware; it may move within the market's sessions.
        folder: where finished bodies are kept; None makes every body anew.
    """
    app = _application(GeneratedFeed(market), GeneratedDirectory(market), terms, clock, folder)

    async def about(request: web.Request) -> web.Response:
        """Answer which market this is, so that bars of another one are not mixed with it, and what time it has."""
        return await answer(request, {"fingerprint": market.spec.fingerprint, "clock": clock().isoformat()})

    app.router.add_get("/simulator/market", about)
    return app


def create_replay(replay: Replay, terms: Terms, clock: Callable[[], datetime]) -> web.Application:
    """Return the application over bars from files; `clock` must not be before the first of their sessions."""
    return _application(replay, replay, terms, clock, None)


def _application(
    feed: Feed, directory: Directory, terms: Terms, clock: Callable[[], datetime], folder: Folder | None
) -> web.Application:
    gate = _Gate(terms)
    app = web.Application(middlewares=[gate.identified, gate.admitted])
    app.add_routes(Aggregates(feed, terms.plan, clock, folder).routes())
    app.add_routes(Reference(directory, clock).routes())
    app.add_routes(Calendar(clock).routes())
    app.add_routes([web.get("/simulator/calls", gate.calls), web.post("/simulator/faults", gate.faults)])
    return app


class _Gate:
    """What every call passes before it reaches its endpoint."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._calls = CallLog(time.time)
        self._faults = FaultSwitch()
        self._limit = CallLimit(terms.plan.calls_per_minute, time.monotonic)

    @web.middleware
    async def identified(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give a call its id, and turn a refusal into its answer."""
        request[REQUEST_ID] = new_request_id()
        try:
            response = await handler(request)
        except RefusalError as error:
            response = refusal(error, request[REQUEST_ID])
        if not response.prepared:
            response.headers["X-Request-Id"] = request[REQUEST_ID]
        return response

    @web.middleware
    async def admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a call through to its endpoint, if faults, key and plan let it."""
        if request.path.startswith(_OWN_PATHS):
            return await handler(request)
        resource = request.match_info.route.resource
        self._calls.record((resource and resource.name) or "unknown", request.path)
        if self._terms.latency_s:
            await asyncio.sleep(self._terms.latency_s)
        fault = self._faults.take(request.path)
        if fault is None:
            return await self._checked(request, handler)
        return await suffer(fault, request, lambda request: self._checked(request, handler))

    async def calls(self, request: web.Request) -> web.Response:
        """Answer what was called."""
        return await answer(request, self._calls.report())

    async def faults(self, request: web.Request) -> web.Response:
        """Switch faults; the ones that were on end."""
        try:
            faults = read_faults(await request.read())
        except ValueError as error:
            raise RefusalError(400, str(error)) from None
        self._faults.replace(faults)
        return web.Response(status=204)

    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        key = key if scheme == "Bearer" else request.query.get("apiKey", "")
        if not key:
            raise RefusalError(401, "API Key was not provided")
        if not hmac.compare_digest(key.encode(), self._terms.key.encode()):
            raise RefusalError(401, "Unknown API Key")
        self._limit.admit()
        return await handler(request)
