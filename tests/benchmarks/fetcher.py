"""The fetcher alone, as a process with its store: filled, asked from memory, restarted, a session later, and large."""

import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import grpc

from services.fetcher.settings import FetcherSettings
from services.gateway.clients import FetcherClient
from services.market.panel import Panel
from services.market.sessions import sessions_ending
from services.rpc.channel import open_channel
from services.scorer.bars import BarClient, BarRequest, FetchState
from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Figure
from tests.benchmarks.floors import latency_bound
from tests.benchmarks.processes import peak_mb
from tests.benchmarks.scale import AS_OF, SESSIONS
from tests.benchmarks.stacks import open_services, ready, store_settings

LARGE_SESSIONS: Final = 504
"""Sessions of the largest panel: two years, as a weekly frame needs them."""
CALLS_LIMIT: Final = 3
"""Calls to the provider that the next session may take."""
_WITHIN_S: Final = 120.0

Peak = Callable[[], float]
"""Tells the largest resident memory so far, MB."""


@dataclass(slots=True)
class Filled:
    """Bars that a client got: seconds from its first call, bytes of bars, calls to the provider meanwhile, symbols."""

    seconds: float = 0.0
    byte_count: int = 0
    call_count: int = 0
    symbols: tuple[str, ...] = ()


@dataclass(slots=True)
class FetcherRuns:
    """What a fetcher took, a value a run; and its peak memory after all of them, MB."""

    cold: list[Filled] = field(default_factory=list)
    memory: list[Filled] = field(default_factory=list)
    restarted: list[Filled] = field(default_factory=list)
    next_session: list[Filled] = field(default_factory=list)
    peak_mb: float = 0.0


async def measure_fetcher(bench: Bench) -> AsyncIterator[Figure]:
    """Give the rows of a fetcher of the usual size, and of the largest one."""
    runs = FetcherRuns()
    for _ in range(bench.scale.cold_runs):
        await _live(bench, runs)
    for figure in _figures(bench, runs):
        yield figure
    large = FetcherRuns()
    await _fill_large(bench, large)
    (filled,) = large.cold
    size = f"{bench.scale.listings:,} x {LARGE_SESSIONS}"
    yield Figure(f"fetcher: cold fill, {size}", "s", (filled.seconds,))
    yield Figure(f"fetcher: peak memory, {size}", "MB", (large.peak_mb,), target=1200)


async def _live(bench: Bench, runs: FetcherRuns) -> None:
    """Take a fetcher through its days: an empty store, memory, a restart a session later, and one with nothing new."""
    before, newest = sessions_ending(AS_OF, 2)
    with tempfile.TemporaryDirectory(prefix="technic-bench-") as folder:
        store = Path(folder)
        async with _fetcher(bench, store, before) as (channel, _):
            runs.cold.append(await _fill(channel, bench.scale.rows, SESSIONS))
        async with _fetcher(bench, store, newest) as (channel, _):
            runs.next_session.append(await _fill(channel, bench.scale.rows, SESSIONS))
        async with _fetcher(bench, store, newest) as (channel, peak):
            symbols = runs.cold[-1].symbols
            runs.restarted.append(await _stream(channel, symbols, newest.isoformat(), SESSIONS))
            for _ in range(bench.scale.repeats):
                runs.memory.append(await _stream(channel, symbols, newest.isoformat(), SESSIONS))
            runs.peak_mb = max(runs.peak_mb, peak())


async def _fill_large(bench: Bench, runs: FetcherRuns) -> None:
    with tempfile.TemporaryDirectory(prefix="technic-bench-") as folder:
        async with _fetcher(bench, Path(folder), AS_OF) as (channel, peak):
            runs.cold.append(await _fill(channel, bench.scale.listings, LARGE_SESSIONS))
            runs.peak_mb = peak()


@asynccontextmanager
async def _fetcher(bench: Bench, store: Path, day: date) -> AsyncIterator[tuple[grpc.aio.Channel, Peak]]:
    """Run a fetcher alone, on the evening of a session; yields a channel to it, and what tells its peak memory."""
    provider = replace(bench.provider, source=replace(bench.provider.source, clock=f"{day}T20:00"))
    with open_services(provider, store_settings(store) or {}, ("fetcher",)) as stack:
        await ready(stack)
        async with open_channel(stack.addresses.fetcher) as channel:
            yield channel, lambda: peak_mb(stack)["fetcher"]


async def _fill(channel: grpc.aio.Channel, count: int, history: int) -> Filled:
    """List the symbols and take the bars of the `count` most liquid ones, as a scan does."""
    began = time.perf_counter()
    listing = await FetcherClient(channel).list_symbols("", history, _WITHIN_S)
    filled = await _stream(channel, tuple(listing.attributes)[:count], listing.as_of, history)
    filled.seconds = time.perf_counter() - began
    filled.call_count -= listing.request_total
    return filled


async def _stream(channel: grpc.aio.Channel, symbols: tuple[str, ...], as_of: str, history: int) -> Filled:
    """Take the bars of some symbols; the calls are all since the fetcher started."""
    filled = Filled(symbols=symbols)

    async def take(event: FetchState | Panel | object) -> None:
        if isinstance(event, Panel):
            filled.byte_count += event.bars.nbytes

    began = time.perf_counter()
    came = (await BarClient(channel).stream(BarRequest(symbols, as_of, history), _WITHIN_S, take)).message
    filled.seconds = time.perf_counter() - began
    filled.call_count = came.provider_request_total
    if came.sessions_ready < came.sessions_wanted:
        raise RuntimeError(f"only {came.sessions_ready} of {came.sessions_wanted} sessions came")
    return filled


def _figures(bench: Bench, runs: FetcherRuns) -> list[Figure]:
    concurrency: int = FetcherSettings.model_fields["concurrency"].default
    floor = latency_bound(runs.cold[0].call_count, bench.scale.latency_ms, concurrency)
    size = f"{bench.scale.rows:,} x {SESSIONS}"
    megabytes = runs.memory[0].byte_count / 1e6
    latency_s = bench.scale.latency_ms / 1000
    return [
        Figure(f"fetcher: cold fill, {size}", "s", _seconds(runs.cold), floor=floor, target=2.7),
        Figure("fetcher: cold fill, provider calls", "calls", _calls(runs.cold)),
        Figure(f"fetcher: {megabytes:.0f} MB to a client, from memory", "s", _seconds(runs.memory), target=0.12),
        Figure(f"fetcher: {megabytes:.0f} MB to a client, after a restart", "s", _seconds(runs.restarted), target=0.3),
        Figure("fetcher: calls after a restart, nothing new", "calls", _calls(runs.restarted), target=0, limit=0),
        Figure(
            "fetcher: next session, restarted, list and bars",
            "s",
            _seconds(runs.next_session),
            floor=latency_s,
            target=0.4,
        ),
        Figure(
            "fetcher: next session, provider calls",
            "calls",
            _calls(runs.next_session),
            target=CALLS_LIMIT,
            limit=CALLS_LIMIT,
        ),
        Figure(f"fetcher: peak memory, {size}", "MB", (runs.peak_mb,), target=600),
    ]


def _seconds(runs: list[Filled]) -> tuple[float, ...]:
    return tuple(run.seconds for run in runs)


def _calls(runs: list[Filled]) -> tuple[float, ...]:
    return tuple(float(run.call_count) for run in runs)
