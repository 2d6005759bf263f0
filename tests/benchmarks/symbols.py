"""Bars of single symbols from the provider, one call each: as fast as it answers, and at a plan's rate."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from pydantic import SecretStr

from services.cli.launch import UNLIMITED_CALLS_PER_SECOND
from services.fetcher.provider.limits import PLANS, Plan
from services.fetcher.provider.massive import MassiveSource
from services.fetcher.provider.transport import Endpoint
from services.fetcher.symbols import SymbolIndex
from services.market.sessions import NEW_YORK, sessions_ending
from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Figure
from tests.benchmarks.floors import latency_bound
from tests.benchmarks.scale import AS_OF, SESSIONS
from tests.benchmarks.stacks import KEY

IN_FLIGHT: Final = 100
CAP: Final = 100
"""Calls a second that a paid plan is asked to stay under."""
USED_SHARE: Final = 97.0
"""Percent of the cap that is to be used."""
_CAPPED_S: Final = 20
"""Seconds that calls at the cap are made for."""


async def measure_symbols(bench: Bench) -> AsyncIterator[Figure]:
    """Ask for the history of many symbols, without a cap and under one."""
    first, last = sessions_ending(AS_OF, SESSIONS)[0], AS_OF
    async with _source(bench, PLANS["advanced"]) as source:
        listed = [listing.symbol for listing in await source.listings()]
    symbols = listed[: bench.scale.rows]
    free = replace(PLANS["advanced"], calls=UNLIMITED_CALLS_PER_SECOND)
    # The simulator makes each history once; a provider has them.
    await _ask(bench, free, symbols, first, last)
    before = time.process_time()
    seconds = (await _ask(bench, free, symbols, first, last))[-1]
    used_s = time.process_time() - before
    floor = latency_bound(len(symbols), bench.scale.latency_ms, IN_FLIGHT)
    name = f"per symbol: {len(symbols):,} x {SESSIONS}, {IN_FLIGHT} in flight, no cap"
    note = f"asked again, so that they are made; the client took {used_s:.1f} CPU s, the simulator shares its cores"
    yield Figure(name, "s", (seconds,), floor=floor, target=4.5, note=note)
    # The first second's worth goes out at once, over connections yet to be made; from its last answer on the cap rules.
    capped = [symbols[n % len(symbols)] for n in range(CAP * (_CAPPED_S + 1))] if bench.scale.gates else symbols
    answered = await _ask(bench, replace(free, calls=CAP), capped, first, last)
    ruled, seconds = len(capped) - CAP, answered[-1] - answered[CAP - 1]
    used = 100 * ruled / (CAP * seconds)
    yield Figure(
        f"per symbol: share used of a cap of {CAP}/s",
        "%",
        (used,),
        target=USED_SHARE,
        limit=USED_SHARE,
        rising=True,
        note=f"{ruled:,} calls in {seconds:.1f} s, after the {CAP} that go out at once",
    )


async def _ask(bench: Bench, plan: Plan, symbols: list[str], first: date, last: date) -> list[float]:
    """Return the seconds after which the first, the second, and each further history was there."""
    async with _source(bench, plan) as source:
        began, answered = time.perf_counter(), list[float]()

        async def ask(symbol: str) -> None:
            await source.symbol_bars(symbol, first, last)
            answered.append(time.perf_counter() - began)

        async with asyncio.TaskGroup() as group:
            for symbol in symbols:
                group.create_task(ask(symbol))
        return answered


@asynccontextmanager
async def _source(bench: Bench, plan: Plan) -> AsyncIterator[MassiveSource]:
    endpoint = Endpoint(f"http://{bench.provider.address}", SecretStr(KEY), IN_FLIGHT)
    now = datetime(AS_OF.year, AS_OF.month, AS_OF.day, 20, tzinfo=NEW_YORK)
    source = MassiveSource(endpoint, plan, lambda: now, SymbolIndex(), name="simulated")
    try:
        yield source
    finally:
        await source.close()
