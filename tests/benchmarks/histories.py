"""Factors of every session: years of the whole market, and a task of the size that qlib's authors published."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from services.market.scoring import ScoringConfig
from services.scorer.engine import FactorEngine
from services.scorer.factors import FACTORS
from services.scorer.formulas import values_at
from services.scorer.history import full_history, whole
from services.scorer.series import carry_series
from tests.benchmarks.figures import Figure
from tests.benchmarks.scale import NORMAL, Scale
from tests.scorer.markets import benchmark, panel_of, walk

_YEARS: Final = 756
_QLIB_SESSIONS: Final = 3_400
_QLIB_SYMBOLS: Final = 800
_QLIB_WIDTH: Final = 32
_QLIB_FACTORS: Final = frozenset(
    (
        *("ret_1", "ret_5", "ret_21", "close_over_sma_10", "close_over_sma_20", "close_over_sma_50", "vol_spike"),
        *("vol_realized_20", "vol_realized_60", "rsi_14", "macd_hist_pct", "bb_pctb_20"),
        *("pct_from_high_20", "pct_from_low_20"),
    )
)
_THREADS: Final = 2


def measure_histories(scale: Scale) -> Iterator[Figure]:
    """Time full-history mode on two threads, and 14 factors of a long history on one."""
    engine = FactorEngine(ScoringConfig.load())
    engine.warm()
    panel = panel_of(walk(scale.rows, sessions=_YEARS))
    wall, used = [], []
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in range(min(3, scale.repeats)):
            began, began_cpu = time.perf_counter(), time.process_time()
            for block in full_history(panel, benchmark(sessions=_YEARS), engine, pool, _THREADS):
                assert len(block.columns) == len(engine.columns)
            wall.append(time.perf_counter() - began)
            used.append(time.process_time() - began_cpu)
    what = f"factors: full history, {len(engine.columns)} columns, {scale.rows:,} x {_YEARS}"
    yield Figure(f"{what}, two cores", "s", tuple(wall), target=4.0)
    yield Figure(f"{what}, both cores' time", "CPU s", tuple(used), target=8.0)
    yield _qlib(engine, scale)


def _qlib(engine: FactorEngine, scale: Scale) -> Figure:
    symbols = _QLIB_SYMBOLS * scale.rows // NORMAL.rows
    rules = whole(engine.config.history, _QLIB_SESSIONS)
    specs = [spec for spec in FACTORS if spec.name in _QLIB_FACTORS]
    bars, spy = walk(symbols, sessions=_QLIB_SESSIONS, volatility=0.01), benchmark(sessions=_QLIB_SESSIONS)
    starts = range(0, symbols, _QLIB_WIDTH)
    blocks = [panel_of(np.ascontiguousarray(bars[:, :, begin : begin + _QLIB_WIDTH])) for begin in starts]
    times = []
    for _ in range(scale.repeats):
        began = time.thread_time()
        for block in blocks:
            values_at(specs, carry_series(block, rules), spy, np.arange(_QLIB_SESSIONS))
        times.append(time.thread_time() - began)
    what = f"factors: {len(specs)} of them, {symbols} x {_QLIB_SESSIONS:,} sessions, one core"
    note = "peer: qlib's own published time with both its caches, on its authors' machine"
    return Figure(what, "CPU s", tuple(times), target=0.5, peer=7.4, note=note)
