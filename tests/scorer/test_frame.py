"""Factors of plain data frames: a frame in, a frame of the same kind out, the numbers of a scan."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from services.market.panel import FIELDS
from services.market.scoring import ScoringConfig
from services.market.sessions import from_day_number
from services.scorer import factors
from services.scorer.engine import FactorEngine
from services.scorer.series import carry_series
from tests.scorer import markets

SYMBOLS = ("SPY", "AAA", "BBB", "CCC")
SESSIONS = 320
NAMES = [spec.name for spec in factors.FACTORS]


@pytest.fixture(scope="module")
def bars() -> np.ndarray:
    bars = markets.walk(len(SYMBOLS), seed=51, sessions=SESSIONS)
    bars[:, 100:103, 2] = np.nan
    bars[:, :290, 3] = np.nan
    return bars


@pytest.fixture(scope="module")
def frame(bars: np.ndarray) -> pd.DataFrame:
    """Bars as quants have them: long, by symbol and date, without the rows that are not there."""
    days = pd.date_range("2024-01-01", periods=SESSIONS, freq="B")
    parts = [
        pd.DataFrame({"symbol": symbol, "date": days} | dict(zip(FIELDS, bars[:, :, number], strict=True)))
        for number, symbol in enumerate(SYMBOLS)
    ]
    return pd.concat(parts, ignore_index=True).dropna()


def by_scan(bars: np.ndarray) -> np.ndarray:
    """Compute (symbol, factor) as a scan does."""
    engine = FactorEngine(ScoringConfig.load())
    return engine.compute(carry_series(markets.panel_of(bars), engine.config.history), bars[3, -300:, 0])


def test_the_last_session_of_a_frame_is_a_scan_bit_for_bit(frame: pd.DataFrame, bars: np.ndarray) -> None:
    table = factors.compute(frame)
    assert type(table) is pd.DataFrame
    assert list(table.columns) == ["symbol", "date", *NAMES]
    assert table["symbol"].tolist() == list(SYMBOLS)
    assert (table["date"] == frame["date"].max()).all()
    assert table[NAMES].to_numpy()[:3].tobytes() == by_scan(bars)[:3].tobytes()


def test_a_frame_of_polars_gives_a_frame_of_polars(frame: pd.DataFrame) -> None:
    columns = {name: frame[name].to_numpy() for name in ("symbol", "date", *FIELDS)}
    table = factors.compute(pl.DataFrame(columns))
    assert type(table) is pl.DataFrame
    assert table.select(NAMES).to_numpy().tobytes() == factors.compute(frame)[NAMES].to_numpy().tobytes()
    assert table["date"].to_list() == list(factors.compute(frame)["date"].dt.date)


def test_a_symbol_of_few_bars_has_the_factors_that_these_allow(frame: pd.DataFrame) -> None:
    young = factors.compute(frame).set_index("symbol").loc["CCC"]
    assert np.isfinite(young["sma_20"])
    assert np.isnan(young["sma_50"])


def test_a_history_has_a_value_for_each_row_in_the_order_of_the_rows(frame: pd.DataFrame) -> None:
    mixed = frame.sample(frac=1.0, random_state=1)
    table = factors.compute(mixed, history=True)
    assert table.index.equals(mixed.index)
    assert table["symbol"].equals(mixed["symbol"])
    last = table[table["date"] == frame["date"].max()].set_index("symbol").loc[list(SYMBOLS)]
    whole = factors.compute(frame, history=True)
    pd.testing.assert_frame_equal(table.sort_index(), whole)
    finite = [spec.name for spec in factors.FACTORS if not spec.recursive]
    scanned = factors.compute(frame).set_index("symbol")
    np.testing.assert_allclose(last[finite], scanned[finite], rtol=1e-9, atol=1e-9)


def test_a_history_knows_no_later_bars(frame: pd.DataFrame) -> None:
    days = frame["date"].sort_values().unique()
    early = factors.compute(frame[frame["date"] <= days[280]], history=True)
    pd.testing.assert_frame_equal(early, factors.compute(frame, history=True).loc[early.index])


def test_named_factors_alone_are_computed_in_their_order(frame: pd.DataFrame) -> None:
    table = factors.compute(frame, ["rsi_14", "atr_pct_14"])
    assert list(table.columns) == ["symbol", "date", "rsi_14", "atr_pct_14"]


def test_a_dict_of_columns_is_a_frame_too(frame: pd.DataFrame) -> None:
    columns: dict[str, Any] = {name: frame[name].to_numpy() for name in frame.columns}
    columns["date"] = [day.date().isoformat() for day in frame["date"]]
    table = factors.compute(columns)
    assert type(table) is dict
    assert table["sma_20"].tobytes() == factors.compute(frame)["sma_20"].to_numpy().tobytes()
    columns["date"] = [dt.date.fromisoformat(day) for day in columns["date"]]
    assert factors.compute(columns)["sma_20"].tobytes() == table["sma_20"].tobytes()


def test_without_the_benchmark_market_relative_factors_are_missing(frame: pd.DataFrame) -> None:
    table = factors.compute(frame, ["beta_60", "rsi_14"], benchmark="QQQ")
    assert table["beta_60"].isna().all()
    assert table["rsi_14"].notna().all()
    other = factors.compute(frame, ["beta_60"], benchmark="AAA").set_index("symbol")
    assert other["beta_60"]["AAA"] == pytest.approx(1.0)


def test_a_symbol_that_stopped_trading_is_left_out_at_the_last_session_and_stays_in_the_history(
    frame: pd.DataFrame,
) -> None:
    days = frame["date"].sort_values().unique()
    stopped = frame[(frame["symbol"] != "BBB") | (frame["date"] <= days[-7])]
    assert factors.compute(stopped, ["ret_1"])["symbol"].tolist() == ["SPY", "AAA", "CCC"]
    history = factors.compute(stopped, ["ret_1"], history=True)
    assert len(history) == len(stopped)
    assert history[history["symbol"] == "BBB"]["ret_1"].notna().sum() > 300


def test_an_empty_frame_gives_an_empty_frame(frame: pd.DataFrame) -> None:
    nothing = frame.iloc[:0]
    assert len(factors.compute(nothing)) == 0
    assert list(factors.compute(nothing, history=True).columns) == ["symbol", "date", *NAMES]


def test_an_unknown_factor_is_named_with_the_nearest_known(frame: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="no factor 'rsi_15'; did you mean 'rsi_1"):
        factors.compute(frame, ["rsi_15"])


def test_two_rows_of_one_symbol_and_date_are_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="same symbol and date"):
        factors.compute(pd.concat([frame, frame.iloc[:1]]))


def test_days_are_those_of_the_frame(frame: pd.DataFrame) -> None:
    table = factors.compute({name: frame[name].to_numpy() for name in frame.columns}, ["ret_1"])
    assert table["date"][0].astype("datetime64[D]").item() == frame["date"].max().date()
    assert from_day_number(int(table["date"][0].astype(int))) == frame["date"].max().date()
