"""Scans of the whole universe from every state: nothing there, a store on disk, bars in memory, a session behind."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from services.market.sessions import sessions_ending
from tests.benchmarks.bench import Bench, Running, hot_services, repeating_services, running
from tests.benchmarks.client import TimedScan, scan
from tests.benchmarks.figures import Figure
from tests.benchmarks.floors import socket_copy
from tests.benchmarks.processes import cpu_s, peak_mb
from tests.benchmarks.scale import AS_OF
from tests.benchmarks.stacks import store_settings
from tests.benchmarks.wire import listed_symbols

SIZE_LIMIT = 2.1
"""12,000 symbols take at most this many times as long as 6,000."""


@dataclass(slots=True)
class ScanRuns:
    """Scans with what was read from the kernel around them.

    Attributes:
        ready_s: seconds until four services were ready, a stack each.
        cold: the first scan of each stack.
        cold_peaks: peak memory after it, MB by service, a stack each.
        hot: scans with all bars in memory.
        hot_cpu_s: CPU seconds of each, all services.
        copies_s: seconds of a raw copy of the panel, taken after each.
        hot_peaks: peak memory after all of these, MB by service.
        repeats: the same request again and again, of services that remember what they scored.
    """

    ready_s: list[float] = field(default_factory=list)
    cold: list[TimedScan] = field(default_factory=list)
    cold_peaks: list[dict[str, float]] = field(default_factory=list)
    hot: list[TimedScan] = field(default_factory=list)
    hot_cpu_s: list[float] = field(default_factory=list)
    copies_s: list[float] = field(default_factory=list)
    hot_peaks: dict[str, float] = field(default_factory=dict)
    repeats: list[TimedScan] = field(default_factory=list)


async def run_scans(bench: Bench) -> ScanRuns:
    """Scan cold in some stacks, and hot in the last of them, which stays."""
    runs = ScanRuns()
    for number in range(bench.scale.cold_runs):
        async with AsyncExitStack() as own:
            last = number + 1 == bench.scale.cold_runs
            services = await (bench.kept if last else own).enter_async_context(running(bench))
            runs.ready_s.append(services.ready_s)
            runs.cold.append(bench.agree("cold", await scan(services.gateway)))
            runs.cold_peaks.append(peak_mb(services.stack))
            bench.say(f"cold scan {number + 1}: {runs.cold[-1].total_s:.2f} s")
    bench.hot = services
    # The first hot scan grows buffers that all later ones keep.
    bench.agree("hot", await scan(services.gateway))
    for _ in range(bench.scale.hot_runs):
        before = cpu_s(services.stack)
        runs.hot.append(bench.agree("hot", await scan(services.gateway)))
        runs.hot_cpu_s.append(cpu_s(services.stack) - before)
        runs.copies_s.append(socket_copy(runs.hot[-1].result.requested_count))
    runs.hot_peaks = peak_mb(services.stack)
    again = await repeating_services(bench)
    runs.repeats = [bench.agree("repeat", await scan(again.gateway)) for _ in range(bench.scale.hot_runs)]
    return runs


async def measure_restarts(bench: Bench) -> AsyncIterator[Figure]:
    """Scan one session after the other as they come, then restart the services over the store that this left."""
    with tempfile.TemporaryDirectory(prefix="technic-bench-") as folder:
        store = Path(folder)
        async with running(bench, store) as services:
            async for figure in _measure_next_session(bench, services):
                yield figure
        if store_settings(store) is None:
            bench.say("warm: left out, since this fetcher keeps no store on disk")
            return
        scans = []
        for _ in range(bench.scale.cold_runs):
            async with running(bench, store) as services:
                scans.append(bench.agree("warm", await scan(services.gateway)))
    calls = tuple(float(done.result.provider_request_count) for done in scans)
    yield Figure("warm: fetcher restarted, store on disk", "s", tuple(done.total_s for done in scans), target=0.4)
    yield Figure("warm: provider calls", "calls", calls)


async def _measure_next_session(bench: Bench, services: Running) -> AsyncIterator[Figure]:
    """Fill the memory as of some sessions ago, then scan one newer session after the other, up to the newest."""
    first, *later = sessions_ending(AS_OF, bench.scale.cold_runs + 1)
    await scan(services.gateway, as_of=first.isoformat())
    scans = [await scan(services.gateway, as_of=session.isoformat()) for session in later]
    bench.agree("next session", scans[-1])
    calls = tuple(float(done.result.provider_request_count) for done in scans)
    floor = bench.scale.latency_ms / 1000
    note = "floor: the latency of one answer"
    yield Figure("next session", "s", tuple(done.total_s for done in scans), floor=floor, target=0.6, note=note)
    yield Figure("next session: provider calls", "calls", calls, target=3, limit=3)


async def measure_sizes(bench: Bench) -> AsyncIterator[Figure]:
    """Scan the most liquid symbols, of every type, hot: how time grows with their number."""
    medians: dict[int, float] = {}
    services = await hot_services(bench)
    listed = await listed_symbols(services.stack)
    for size in bench.scale.sizes:
        symbols = listed[:size]
        await scan(services.gateway, symbols=symbols)
        seconds = [(await scan(services.gateway, symbols=symbols)).total_s for _ in range(bench.scale.repeats)]
        half = medians.get(size // 2) if size == bench.scale.sizes[-1] else None
        figure = Figure(
            f"hot, {len(symbols):,} symbols",
            "s",
            tuple(seconds),
            limit=None if half is None else SIZE_LIMIT * half,
            note="" if half is None else f"gate: {SIZE_LIMIT:g} x the time of half as many",
        )
        medians[size] = figure.median
        yield figure
