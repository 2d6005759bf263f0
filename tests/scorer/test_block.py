"""A block's rows do not depend on the block."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.market.omission import Omission
from services.market.panel import Panel
from services.market.scoring import ScoringConfig
from services.market.vocabulary import Flag, Reason
from services.scorer.block import ScoredBlock, score_panel
from services.scorer.engine import FactorEngine
from services.scorer.kernels import carry, extremes, finite, moving, quality, relative, reversal, shape, wilder
from tests.scorer import markets

SYMBOLS = 515
SPY = markets.benchmark()


@pytest.fixture(scope="module")
def engine() -> FactorEngine:
    engine = FactorEngine(ScoringConfig.load())
    engine.warm()
    return engine


@pytest.fixture(scope="module")
def bars() -> np.ndarray:
    """Walks, some with gaps, some that start late, and all oddities."""
    odd = np.stack(list(markets.oddities().values()), axis=2)
    bars = np.concatenate([markets.walk(SYMBOLS - odd.shape[2], seed=31), odd], axis=2)
    gaps = np.random.default_rng(32).random(bars.shape[1:]) < np.linspace(0, 0.15, SYMBOLS)
    bars[:, gaps] = np.nan
    for j in range(0, SYMBOLS, 9):
        bars[:, : j // 2, j] = np.nan
    return bars


@pytest.fixture(scope="module")
def whole(engine: FactorEngine, bars: np.ndarray) -> ScoredBlock:
    return score_panel(markets.panel_of(bars), SPY, engine)


def part_of(bars: np.ndarray, columns: np.ndarray) -> Panel:
    part = np.ascontiguousarray(bars[:, :, columns])
    part.flags.writeable = False
    sessions = bars.shape[1]
    symbols = tuple(f"S{j}" for j in columns)
    return Panel(symbols, np.arange(sessions, dtype=np.int32), np.ones(sessions, np.bool_), part)


def assert_same_rows(blocks: list[ScoredBlock], whole: ScoredBlock) -> None:
    """Bit for bit, NaN included."""
    rows = {
        symbol: (values.tobytes(), flag)
        for block in blocks
        for symbol, values, flag in zip(block.symbols, block.values, block.flags, strict=True)
    }
    assert rows == {
        symbol: (values.tobytes(), flag)
        for symbol, values, flag in zip(whole.symbols, whole.values, whole.flags, strict=True)
    }
    omitted = [omission for block in blocks for omission in block.omissions]
    assert sorted(omitted) == sorted(whole.omissions)


@pytest.mark.parametrize("width", [1, 2, 255, 256, 257])
def test_rows_are_bitwise_equal_for_any_width_of_block(
    width: int, engine: FactorEngine, bars: np.ndarray, whole: ScoredBlock
) -> None:
    starts = range(0, SYMBOLS, width)
    blocks = [score_panel(part_of(bars, np.arange(SYMBOLS)[k : k + width]), SPY, engine) for k in starts]
    assert_same_rows(blocks, whole)


def test_rows_are_bitwise_equal_in_any_order(engine: FactorEngine, bars: np.ndarray, whole: ScoredBlock) -> None:
    order = np.random.default_rng(33).permutation(SYMBOLS)
    assert_same_rows([score_panel(part_of(bars, order), SPY, engine)], whole)


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_rows_are_bitwise_equal_on_any_number_of_threads(
    threads: int, engine: FactorEngine, bars: np.ndarray, whole: ScoredBlock
) -> None:
    parts = [part_of(bars, part) for part in np.array_split(np.arange(SYMBOLS), 12)]
    with ThreadPoolExecutor(threads) as pool:
        blocks = list(pool.map(lambda part: score_panel(part, SPY, engine), parts))
    assert_same_rows(blocks, whole)


def test_every_symbol_is_a_row_or_an_omission(whole: ScoredBlock, bars: np.ndarray) -> None:
    names = [*whole.symbols, *(omission.symbol for omission in whole.omissions)]
    assert sorted(names) == sorted(markets.panel_of(bars).symbols)
    assert whole.symbols
    assert whole.omissions


def test_columns_name_the_values(engine: FactorEngine, whole: ScoredBlock, bars: np.ndarray) -> None:
    assert whole.values.shape == (len(whole.symbols), len(engine.columns))
    assert whole.values.flags.c_contiguous
    close = whole.values[:, engine.columns.index("close")]
    traded = np.array([not np.isnan(bars[3, -1, int(symbol[1:])]) for symbol in whole.symbols])
    last = np.array([bars[3, -1, int(symbol[1:])] for symbol in whole.symbols])
    assert traded.any()
    assert np.array_equal(close[traded], last[traded])


def test_a_missing_benchmark_flags_every_row(engine: FactorEngine, bars: np.ndarray, whole: ScoredBlock) -> None:
    block = score_panel(markets.panel_of(bars), None, engine)
    assert np.array_equal(block.flags, whole.flags | np.uint32(Flag.BENCHMARK_MISSING))
    assert not (whole.flags & np.uint32(Flag.BENCHMARK_MISSING)).any()


def test_flags_follow_liquidity_and_atr(engine: FactorEngine, whole: ScoredBlock) -> None:
    limits = engine.config.flags
    dollars = whole.values[:, engine.columns.index("dollar_vol_20")]
    atr_pct = whole.values[:, engine.columns.index("atr_pct_14")]
    for flag, expected in (
        (Flag.LOW_LIQUIDITY, dollars < limits.low_liquidity_usd),
        (Flag.HIGH_ATR, atr_pct > limits.high_atr_pct),
        (Flag.VERY_HIGH_ATR, atr_pct > limits.very_high_atr_pct),
    ):
        assert expected.any()
        assert np.array_equal((whole.flags & np.uint32(flag)) != 0, expected), flag


def test_a_block_of_omissions_alone_has_no_rows(engine: FactorEngine) -> None:
    bars = np.full((5, markets.SESSIONS, 2), np.nan)
    block = score_panel(markets.panel_of(bars), SPY, engine)
    assert block.omissions == (Omission("S0", Reason.NO_DATA), Omission("S1", Reason.NO_DATA))
    assert block.symbols == ()
    assert block.values.shape == (0, len(engine.columns))


def test_an_empty_panel_has_neither_rows_nor_omissions(engine: FactorEngine) -> None:
    block = score_panel(markets.panel_of(np.empty((5, markets.SESSIONS, 0))), SPY, engine)
    assert (block.symbols, block.omissions) == ((), ())


def test_warming_compiles_all_there_is_whatever_the_arrays_of_a_panel(engine: FactorEngine, bars: np.ndarray) -> None:
    modules = (carry, extremes, finite, moving, quality, relative, reversal, shape, wilder)
    compiled = {name: item for module in modules for name, item in vars(module).items() if hasattr(item, "signatures")}
    before = {name: len(item.signatures) for name, item in compiled.items()}
    frozen = bars.copy()
    frozen.flags.writeable = False
    for odd in (frozen, bars[:, :, ::2], bars[:, :, :1], np.asfortranarray(bars), np.tile(bars, (1, 2, 1))):
        score_panel(markets.panel_of(odd), None if odd is frozen else np.resize(SPY, markets.SESSIONS), engine)
    assert {"carry", "total", "ema", "regression", "parabolic", "skewness"} <= set(compiled)
    # Those that only other kernels call are compiled into them; other tests may have called them with their own arrays.
    assert {name: len(item.signatures) for name, item in compiled.items()} == before
