"""Two thousand generated series of every kind that has broken an indicator before."""

from typing import Final

import numpy as np

from tests.scorer.markets import SESSIONS, Array, walk

KINDS: Final = (
    "plain",
    "constant",
    "few bars",
    "gaps",
    "long gaps",
    "jumps",
    "splits",
    "tiny",
    "huge",
    "ticks",
)


def many(count: int, seed: int = 11) -> Array:
    """Bars (field, session, symbol), NaN = no bar; symbol j is of kind j modulo their number."""
    rng = np.random.default_rng(seed)
    bars = walk(count, seed=seed)
    session = np.arange(SESSIONS)[:, None]

    def of(kind: str) -> slice:
        return slice(KINDS.index(kind), None, len(KINDS))

    def some(kind: str) -> tuple[int, int]:
        return SESSIONS, len(range(count)[of(kind)])

    level = rng.choice([0.1, 0.7, 10.0, 33.3, 1234.5], some("constant")[1])
    bars[:4, :, of("constant")] = level
    first = SESSIONS - rng.integers(1, 60, some("few bars")[1])
    bars[:, :, of("few bars")] = np.where(session >= first, bars[:, :, of("few bars")], np.nan)
    gone = rng.random(some("gaps")) < rng.uniform(0.02, 0.4, some("gaps")[1])
    bars[:, :, of("gaps")] = np.where(gone, np.nan, bars[:, :, of("gaps")])
    begin = rng.integers(20, SESSIONS - 5, some("long gaps")[1])
    gone = (session >= begin) & (session < begin + rng.integers(5, 120, some("long gaps")[1]))
    bars[:, :, of("long gaps")] = np.where(gone, np.nan, bars[:, :, of("long gaps")])
    begin = rng.integers(20, SESSIONS - 1, some("jumps")[1])
    ratio = 10.0 ** rng.uniform(-8, 8, some("jumps")[1])
    bars[:4, :, of("jumps")] *= np.where(session >= begin, ratio, 1.0)
    begin = rng.integers(20, SESSIONS - 1, some("splits")[1])
    ratio = np.where(session >= begin, rng.choice([0.02, 0.1, 0.5, 2 / 3, 3.0, 25.0], some("splits")[1]), 1.0)
    bars[:4, :, of("splits")] *= ratio
    bars[4, :, of("splits")] /= ratio
    bars[:4, :, of("tiny")] *= 1e-6
    bars[:4, :, of("huge")] *= 1e8
    bars[:4, :, of("ticks")] = np.maximum(0.01, np.round(bars[:4, :, of("ticks")] / 20, 2))
    return bars
