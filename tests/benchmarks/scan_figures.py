"""The rows that scans of the whole universe give."""

from collections.abc import Iterator
from statistics import median
from typing import Final

from services.fetcher.settings import FetcherSettings
from tests.benchmarks.client import TimedScan
from tests.benchmarks.figures import Figure
from tests.benchmarks.floors import latency_bound
from tests.benchmarks.predecessor import PeerResult
from tests.benchmarks.scale import SESSIONS, Scale
from tests.benchmarks.scans import ScanRuns
from tests.benchmarks.stacks import SERVICES

COLD_LIMIT: Final = 3.3
"""A cold scan takes at most this many times the latency bound."""
HOT_LIMIT: Final = 12.0
"""A hot scan, as services run it, takes at most this many times a raw copy of the panel."""
FEWER_CALLS: Final = 0.3
"""Share of one call a symbol that may remain."""
HIT_RATE: Final = 85.0
_STAGES: Final = ("list", "fetch", "score", "infer", "rank", "total")


def scan_figures(runs: ScanRuns, scale: Scale, peer: PeerResult | None) -> Iterator[Figure]:
    """Give all rows; those that compare with the predecessor's way leave that out if it was not measured."""
    requested = runs.cold[-1].result.requested_count
    yield from _cold(runs.cold, scale, peer, requested)
    yield from _hot(runs)
    yield from _counts(runs, peer, requested)
    for state, scans in (("cold", runs.cold), ("hot", runs.hot)):
        for stage in _STAGES:
            yield Figure(f"stage {stage}, {state}", "s", tuple(done.stages[stage] for done in scans))
    yield from _memory(runs)
    yield Figure("start: four services healthy, kernels warm", "s", tuple(runs.ready_s), target=3)


def _cold(scans: list[TimedScan], scale: Scale, peer: PeerResult | None, requested: int) -> Iterator[Figure]:
    calls = int(median(done.result.provider_request_count for done in scans))
    concurrency: int = FetcherSettings.model_fields["concurrency"].default
    floor = latency_bound(calls, scale.latency_ms, concurrency)
    seconds = tuple(done.total_s for done in scans)
    note = f"floor: {calls} calls x {scale.latency_ms} ms / {concurrency} in flight; gate: {COLD_LIMIT:g} x that"
    usual = None
    if peer is not None:
        usual = peer.extrapolate(requested)
        note += f"; peer: extrapolated from {peer.sizes[0]} and {peer.sizes[1]} symbols"
    name = f"cold: {requested:,} x {SESSIONS}, store empty"
    yield Figure(name, "s", seconds, floor=floor, target=3, limit=COLD_LIMIT * floor, peer=usual, note=note)
    yield Figure("cold: first progress", "ms", _ms(done.first_progress_s for done in scans), target=200)
    yield Figure("cold: first ranked rows", "s", tuple(done.first_rows_s for done in scans), target=2.5)
    slope = None if peer is None else peer.seconds_per_symbol
    per_symbol = tuple(second / requested for second in seconds)
    note = "" if peer is None else "peer: slope between its two sizes"
    yield Figure("cold: seconds per symbol", "s", per_symbol, target=0.015, peer=slope, note=note)


def _hot(runs: ScanRuns) -> Iterator[Figure]:
    floor = median(runs.copies_s)
    note = f"floor: the panel through a raw loopback socket; gate: {HOT_LIMIT:g} x that"
    again = tuple(done.total_s for done in runs.repeats)
    limit = HOT_LIMIT * floor
    yield Figure("hot: nothing new since the last scan", "s", again, floor=floor, target=0.02, limit=limit, note=note)
    anew = tuple(done.total_s for done in runs.hot)
    yield Figure("hot: bars in memory, scored anew", "s", anew, floor=floor, target=0.25)
    yield Figure("hot, scored anew: first progress", "ms", _ms(done.first_progress_s for done in runs.hot), target=200)
    yield Figure("hot, scored anew: first ranked rows", "ms", _ms(done.first_rows_s for done in runs.hot), target=100)
    yield Figure("hot, scored anew: CPU, four services", "CPU s", tuple(runs.hot_cpu_s), target=0.5)


def _counts(runs: ScanRuns, peer: PeerResult | None, requested: int) -> Iterator[Figure]:
    rates = tuple(done.hit_rate for done in runs.repeats)
    yield Figure("repeat: cache hit rate", "%", rates, target=HIT_RATE, limit=HIT_RATE, rising=True)
    calls = tuple(float(done.result.provider_request_count) for done in runs.cold)
    usual = None if peer is None else peer.calls_per_symbol * requested
    bound = FEWER_CALLS * requested
    note = "gate: 70 % fewer than one a symbol"
    yield Figure("cold: provider calls", "calls", calls, target=bound, limit=bound, peer=usual, note=note)


def _memory(runs: ScanRuns) -> Iterator[Figure]:
    for name in SERVICES:
        peaks = (*(peaks[name] for peaks in runs.cold_peaks), runs.hot_peaks[name])
        yield Figure(f"memory: {name}, peak", "MB", peaks)
    after_cold = tuple(sum(peaks.values()) for peaks in runs.cold_peaks)
    yield Figure("memory: four services, peak, after a cold scan", "MB", after_cold, target=1600)
    yield Figure("memory: four services, peak, after hot scans", "MB", (sum(runs.hot_peaks.values()),), target=1600)


def _ms(seconds: "Iterator[float]") -> tuple[float, ...]:
    return tuple(1000 * second for second in seconds)
