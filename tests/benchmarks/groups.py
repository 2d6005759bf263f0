"""The groups of measurements, in the order in which they run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from tests.benchmarks.bench import Bench, hot_services, repeating_services
from tests.benchmarks.containers import measure_containers
from tests.benchmarks.fetcher import measure_fetcher
from tests.benchmarks.figures import Figure
from tests.benchmarks.histories import measure_histories
from tests.benchmarks.inference import measure_big_models
from tests.benchmarks.parts import measure_decode, measure_factors, measure_symbol_bars
from tests.benchmarks.predecessor import measure_peer
from tests.benchmarks.scan_figures import scan_figures
from tests.benchmarks.scans import measure_restarts, measure_sizes, run_scans
from tests.benchmarks.startup import measure_version
from tests.benchmarks.store import measure_store
from tests.benchmarks.symbols import measure_symbols
from tests.benchmarks.wire import measure_bars, measure_inference, measure_scores

Group = Callable[[Bench], AsyncIterator[Figure]]


async def _peer(bench: Bench) -> AsyncIterator[Figure]:
    bench.peer = peer = await asyncio.to_thread(measure_peer, bench.provider, bench.scale)
    for size, seconds in zip(peer.sizes, peer.seconds, strict=True):
        yield Figure(f"peer: the predecessor's way, {size} symbols", "s", (seconds,))


async def _scans(bench: Bench) -> AsyncIterator[Figure]:
    runs = await run_scans(bench)
    for figure in scan_figures(runs, bench.scale, bench.peer):
        yield figure


async def _wire(bench: Bench) -> AsyncIterator[Figure]:
    services = await hot_services(bench)
    async for figure in measure_bars(services.stack, bench.scale):
        yield figure
    async for figure in measure_scores(services.stack, bench.scale, "bars in the fetcher's memory", 0.25):
        yield figure
    again = await repeating_services(bench)
    async for figure in measure_scores(again.stack, bench.scale, "nothing new since the last call", 0.18):
        yield figure
    async for figure in measure_inference(services.stack, bench.scale):
        yield figure


async def _parts(bench: Bench) -> AsyncIterator[Figure]:
    for figure in measure_factors(bench.scale):
        yield figure
    for figure in measure_histories(bench.scale):
        yield figure
    for figure in measure_decode(bench.provider, bench.scale):
        yield figure
    for figure in measure_symbol_bars(bench.provider, bench.scale):
        yield figure
    for figure in measure_store(bench.scale):
        yield figure


async def _start(bench: Bench) -> AsyncIterator[Figure]:
    for figure in measure_version(bench.scale):
        yield figure


GROUPS: Final[dict[str, Group]] = {
    # The predecessor's way comes first: rows of the scans stand beside it.
    "peer": _peer,
    "scans": _scans,
    "sizes": measure_sizes,
    "wire": _wire,
    "inference": measure_big_models,
    "fetcher": measure_fetcher,
    "symbols": measure_symbols,
    "restarts": measure_restarts,
    "parts": _parts,
    "start": _start,
    "containers": measure_containers,
}

ON_REQUEST: Final = frozenset({"containers"})
"""Groups that run only when they are named: they need an engine, and build images for minutes."""
