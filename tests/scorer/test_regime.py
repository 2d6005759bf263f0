"""The regime against definitions written with numpy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.market.vocabulary import Trend, Volatility
from services.scorer.regime import CONTEXT_SYMBOLS, find_regime
from tests.scorer import markets

Array = NDArray[np.float64]
DAYS = np.arange(300.0)


@pytest.fixture
def closes() -> dict[str, Array]:
    bars = markets.walk(len(CONTEXT_SYMBOLS), seed=51, volatility=0.01)
    return {symbol: bars[3, :, j] for j, symbol in enumerate(CONTEXT_SYMBOLS)}


def alternating(moves: Array) -> Array:
    """Closes that rise and fall in turn by the given fractions."""
    closes: Array = 100.0 * np.cumprod(1.0 + moves * np.where(DAYS % 2 == 0, 1.0, -1.0), dtype=np.float64)
    return closes


@pytest.mark.parametrize(
    ("spy", "trend"),
    [
        (100 + DAYS, Trend.UP),
        (500 - DAYS, Trend.DOWN),
        (np.append(100 + DAYS[:-1], 100.0), Trend.SIDEWAYS),
        (np.append(500 - DAYS[:-1], 500.0), Trend.SIDEWAYS),
        (np.full(300, 100.0), Trend.SIDEWAYS),
    ],
    ids=["rising", "falling", "rising, then a fall", "falling, then a rise", "flat"],
)
def test_trend_follows_spy(spy: Array, trend: Trend) -> None:
    assert find_regime({"SPY": spy}).trend is trend


def test_trend_takes_200_sessions() -> None:
    spy = 100 + DAYS
    spy[:100] = np.nan
    assert find_regime({"SPY": spy}).trend is Trend.UP
    spy[100] = np.nan
    assert find_regime({"SPY": spy}).trend is None


def test_volatility_is_high_where_the_last_month_moves_more_than_the_quarter() -> None:
    quiet = alternating(np.full(300, 0.001))
    wild = alternating(np.where(DAYS >= 280, 0.02, 0.001))
    assert find_regime({"SPY": quiet}).volatility is Volatility.LOW
    assert find_regime({"SPY": wild}).volatility is Volatility.HIGH
    assert find_regime({"SPY": np.full(300, 100.0)}).volatility is None


def test_a_spike_is_a_week_that_moves_more_than_the_month() -> None:
    wild = alternating(np.where(DAYS >= 295, 0.02, 0.001))
    assert find_regime({"SPY": wild}).volatility_spike is True
    assert find_regime({"SPY": alternating(np.full(300, 0.001))}).volatility_spike is False


def test_macro_values_equal_their_definitions(closes: dict[str, Array]) -> None:
    def slope(symbol: str, base: str) -> float:
        ratio = (closes[symbol] / closes[base])[-60:]
        return float(np.polyfit(np.arange(60), ratio, 1)[0] / ratio.mean())

    def change(ratio: Array) -> float:
        return float(ratio[-1] / ratio[-21] - 1)

    spy = np.diff(closes["SPY"]) / closes["SPY"][:-1]
    regime = find_regime(closes)
    assert regime.macro == pytest.approx(
        {
            "qqq_spy_slope_60": slope("QQQ", "SPY"),
            "qqq_spy_return_20": change(closes["QQQ"] / closes["SPY"]),
            "hyg_lqd_level": float(closes["HYG"][-1] / closes["LQD"][-1]),
            "hyg_lqd_change_20": change(closes["HYG"] / closes["LQD"]),
            "shy_tlt_slope_60": slope("SHY", "TLT"),
            "shy_ief_slope_60": slope("SHY", "IEF"),
            "vixy_return_20": change(closes["VIXY"]),
            "spy_vol_5_20": float(spy[-5:].std(ddof=1) / spy[-20:].std(ddof=1)),
        },
        rel=1e-9,
    )
    assert regime.missing == ()
    high = spy[-20:].std(ddof=1) / spy[-60:].std(ddof=1) > 1.25
    assert regime.volatility is (Volatility.HIGH if high else Volatility.LOW)


@pytest.mark.parametrize(
    ("symbol", "gone"),
    [
        ("SPY", {"qqq_spy_slope_60", "qqq_spy_return_20", "spy_vol_5_20"}),
        ("QQQ", {"qqq_spy_slope_60", "qqq_spy_return_20"}),
        ("HYG", {"hyg_lqd_level", "hyg_lqd_change_20"}),
        ("LQD", {"hyg_lqd_level", "hyg_lqd_change_20"}),
        ("SHY", {"shy_tlt_slope_60", "shy_ief_slope_60"}),
        ("TLT", {"shy_tlt_slope_60"}),
        ("IEF", {"shy_ief_slope_60"}),
        ("VIXY", {"vixy_return_20"}),
    ],
)
def test_a_missing_etf_is_named_and_only_its_fields_are_absent(
    symbol: str, gone: set[str], closes: dict[str, Array]
) -> None:
    whole = find_regime(closes)
    regime = find_regime({name: close for name, close in closes.items() if name != symbol})
    assert regime.missing == (symbol,)
    assert set(whole.macro) - set(regime.macro) == gone
    assert (regime.trend is None) is (symbol == "SPY")


def test_without_any_etf_there_is_nothing_but_names() -> None:
    regime = find_regime({})
    assert regime.missing == CONTEXT_SYMBOLS
    assert (regime.trend, regime.volatility, regime.macro, regime.volatility_spike) == (None, None, {}, None)
