"""How much is measured: sizes of the market and numbers of runs."""

from dataclasses import dataclass
from datetime import date
from typing import Final

SESSIONS: Final = 300
"""Sessions of a panel; a scan reads as many."""
AS_OF: Final = date(2025, 9, 30)
"""Newest session at the simulator's clock."""
BLOCK: Final = 256
"""Symbols of a block, as scans use them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes and numbers of runs.

    Attributes:
        listings: of the simulated market, all types.
        rows: symbols of the parts that are measured by themselves.
        latency_ms: of every answer of the simulator.
        cold_runs: scans with an empty fetcher, each in a stack of its own; restarts over a full store as well.
        hot_runs: scans with the bars in memory.
        repeats: runs of everything else.
        sizes: symbols of the scans that show how time grows.
        peer_sizes: symbols of the two measurements that the predecessor's slope is taken from.
        bodies: grouped answers to decode.
        gates: whether limits are enforced: on a tiny market fixed costs rule, and ratios mean nothing.
    """

    listings: int
    rows: int
    latency_ms: int
    cold_runs: int
    hot_runs: int
    repeats: int
    sizes: tuple[int, ...]
    peer_sizes: tuple[int, int]
    bodies: int
    gates: bool


NORMAL: Final = Scale(
    listings=12_500,
    rows=6_000,
    latency_ms=60,
    cold_runs=3,
    hot_runs=10,
    repeats=5,
    sizes=(100, 1_000, 3_000, 6_000, 12_000),
    peer_sizes=(200, 600),
    bodies=SESSIONS,
    gates=True,
)
QUICK: Final = Scale(
    listings=400,
    rows=200,
    latency_ms=2,
    cold_runs=1,
    hot_runs=2,
    repeats=1,
    sizes=(50, 300),
    peer_sizes=(5, 15),
    bodies=5,
    gates=False,
)
