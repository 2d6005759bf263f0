"""Factors and signals on real bars, where those lie beside the checkout; generated bars test the same everywhere."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pyarrow import compute, parquet

from services.market.panel import Panel
from services.market.scoring import ScoringConfig
from services.market.signals import signals
from services.market.vocabulary import Signal, Trend
from services.scorer.block import score_panel
from services.scorer.engine import FactorEngine
from services.scorer.factors import FACTORS
from services.scorer.regime import CONTEXT_SYMBOLS, find_regime
from services.scorer.series import carry_series
from tests.scorer import oracles, plain
from tests.scorer.tolerance import tolerance

DATA = Path(__file__).parents[3] / "shared" / "data"
CONFIG = ScoringConfig.load()

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the real market data in ../shared/data"),
]


def read_panel(path: Path, symbols: frozenset[str] | None = None, since: dt.date = dt.date.min) -> Panel:
    """Read a file of bars as a panel; sessions are those with a bar of SPY."""
    table = parquet.read_table(path, filters=compute.field("date") >= since)
    column = table["symbol"].combine_chunks().dictionary_encode()
    names = np.array(column.dictionary.to_pylist())
    code = column.indices.to_numpy()
    days = table["date"].to_numpy().astype("datetime64[D]").astype(np.int32)
    wanted = np.isin(names, list(symbols)) if symbols else np.ones(len(names), np.bool_)
    sessions = np.unique(days[code == np.flatnonzero(names == "SPY")[0]])
    row, inside = np.searchsorted(sessions, days), np.isin(days, sessions) & wanted[code]
    target = np.cumsum(wanted) - 1
    bars = np.full((5, len(sessions), int(wanted.sum())), np.nan)
    for f, field in enumerate(("open", "high", "low", "close", "volume")):
        bars[f, row[inside], target[code[inside]]] = table[field].to_numpy()[inside]
    return Panel(tuple(names[wanted].tolist()), sessions, np.ones(len(sessions), np.bool_), bars)


@pytest.fixture(scope="module")
def market() -> Panel:
    return read_panel(DATA / "bars_2025.parquet")


def part_of(panel: Panel, columns: NDArray[np.intp], end: int) -> Panel:
    """Cut to some symbols and to sessions before `end`."""
    symbols = tuple(panel.symbols[j] for j in columns)
    return Panel(symbols, panel.session_days[:end], panel.session_fetched[:end], panel.bars[:, :end][:, :, columns])


def closes_of(panel: Panel, end: int) -> dict[str, NDArray[np.float64]]:
    columns = np.array([panel.symbols.index(symbol) for symbol in CONTEXT_SYMBOLS if symbol in panel.symbols])
    return carry_series(part_of(panel, columns, end), CONFIG.history).closes()


@pytest.mark.parametrize("file", ["bars_2017", "bars_2025", "bars_2026", "bars_etf_long"])
def test_factors_of_real_symbols_equal_their_oracles(file: str) -> None:
    market = read_panel(DATA / f"{file}.parquet", since=dt.date(2016, 1, 1))
    end = len(market.session_days)
    chosen = np.random.default_rng(61).permutation(len(market.symbols))[:200]
    series = carry_series(part_of(market, chosen, end), CONFIG.history)
    spy = closes_of(market, end)["SPY"]
    values = FactorEngine(CONFIG).compute(series, spy)
    assert series.scored.sum() > min(150, 0.9 * len(chosen))
    wrong = []
    for j in np.flatnonzero(series.scored).tolist():
        bars = plain.Bars.of(series, j, spy)
        for column, spec in enumerate(FACTORS):
            expected, value = oracles.value(spec.name, bars), values[j, column]
            same = np.isnan(value) and np.isnan(expected)
            if not (same or abs(value - expected) <= tolerance(spec, expected, bars)):
                wrong.append((series.symbols[j], spec.name, value, expected))
    assert wrong == []


def test_signals_have_about_the_shares_that_were_measured_before(market: Panel) -> None:
    engine = FactorEngine(CONFIG)
    counts = dict.fromkeys(Signal, 0)
    for end in range(300, len(market.session_days) + 1, 57):
        block = score_panel(part_of(market, np.arange(len(market.symbols)), end), closes_of(market, end)["SPY"], engine)
        found = signals(block.values[:, engine.columns.index("tech_rating")], CONFIG.signals)
        for signal in Signal:
            counts[signal] += int((found == signal).sum())
    shares = {signal: 100 * count / sum(counts.values()) for signal, count in counts.items()}
    assert 1.0 < shares[Signal.STRONG_LONG] < 4.0, shares
    assert 6.0 < shares[Signal.LONG] < 20.0, shares
    assert 6.0 < shares[Signal.SHORT] < 20.0, shares
    assert 0.7 < shares[Signal.STRONG_SHORT] < 4.0, shares


def test_every_trend_occurs_over_real_years() -> None:
    panel = read_panel(DATA / "bars_etf_long.parquet", frozenset(CONTEXT_SYMBOLS), dt.date(2014, 1, 1))
    trends = {find_regime(closes_of(panel, end)).trend for end in range(300, len(panel.session_days), 20)}
    assert trends == set(Trend)
