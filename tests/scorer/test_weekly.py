"""Weekly factors against TA-Lib on weeks that pandas made."""

import numpy as np
import pandas as pd
import pytest

from services.market.panel import FIELDS
from services.market.sessions import sessions_between
from services.market.weeks import week_is_running
from services.scorer import factors
from tests.scorer import markets
from tests.scorer.oracles import TA

SYMBOLS = ("AAA", "BBB", "CCC")
DAYS = sessions_between(pd.Timestamp("2023-01-03").date(), pd.Timestamp("2025-09-30").date())
HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    bars = markets.walk(len(SYMBOLS), seed=71, sessions=len(DAYS))
    bars[:, :-220, 2] = np.nan
    parts = [
        pd.DataFrame({"symbol": symbol, "date": pd.to_datetime(DAYS)} | dict(zip(FIELDS, bars[:, :, n], strict=True)))
        for n, symbol in enumerate(SYMBOLS)
    ]
    return pd.concat(parts, ignore_index=True).dropna()


@pytest.mark.parametrize("cut", range(6))
@pytest.mark.parametrize("symbol", SYMBOLS)
def test_weekly_factors_equal_talib_on_weeks(symbol: str, cut: int, frame: pd.DataFrame) -> None:
    bars = frame[frame["date"] <= pd.Timestamp(DAYS[-1 - cut])]
    row = factors.weekly(bars).set_index("symbol").loc[symbol]
    recent = bars[bars["date"] > pd.Timestamp(DAYS[-1 - cut - 504])]
    weeks = recent[recent["symbol"] == symbol].set_index("date").resample("W-FRI").agg(HOW)
    close, high, low = (weeks[name].to_numpy() for name in ("close", "high", "low"))
    expected = {f"weekly_sma_{n}": TA.SMA(close, n)[-1] for n in (10, 20, 40)} | {
        "weekly_rsi_14": TA.RSI(close, 14)[-1],
        "weekly_macd": TA.EMA(close[14:], 12)[-1] - TA.EMA(close, 26)[-1],
        "weekly_roc_10": TA.ROCP(close, 10)[-1],
        "weekly_adx_14": TA.ADX(high, low, close, 14)[-1],
    }
    assert {spec.name for spec in factors.WEEKLY} == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(row[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_a_running_week_is_marked(frame: pd.DataFrame) -> None:
    assert factors.weekly(frame)["week_running"].all()  # a Tuesday
    friday = frame[frame["date"] <= pd.Timestamp("2025-09-26")]
    assert not factors.weekly(friday)["week_running"].any()


@pytest.mark.parametrize(("day", "running"), [("2025-04-17", False), ("2025-04-16", True), ("2025-09-02", True)])
def test_a_week_ends_with_its_last_session(day: str, running: bool) -> None:  # noqa: FBT001
    # Good Friday was 2025-04-18, so that the Thursday before it ended the week.
    assert week_is_running(pd.Timestamp(day).date()) is running


def test_weekly_factors_of_too_few_weeks_are_missing(frame: pd.DataFrame) -> None:
    young = frame[frame["date"] > pd.Timestamp(DAYS[-40])]
    table = factors.weekly(young)
    assert table["weekly_sma_40"].isna().all()


def test_weekly_factors_of_an_empty_frame_are_an_empty_frame(frame: pd.DataFrame) -> None:
    assert len(factors.weekly(frame.iloc[:0])) == 0


def test_no_column_of_a_scan_is_weekly() -> None:
    assert not {spec.name for spec in factors.WEEKLY} & {spec.name for spec in factors.FACTORS}
