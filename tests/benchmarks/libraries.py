"""The same 25 indicators as other libraries compute them: what our factors are compared with, in the same run."""

import time

import numpy as np
import pandas as pd
import polars as pl
import polars_talib as plta
import talib
from numpy.typing import NDArray

from services.market.panel import FIELDS

Array = NDArray[np.float64]


def talib_loop(bars: Array) -> float:
    """Return the CPU seconds of TA-Lib's 25 most usual indicators, symbol by symbol.

    Args:
        bars: (symbol, field, session) float64, C order: each series is contiguous, as TA-Lib wants it.
    """
    began = time.thread_time()
    for symbol in bars:
        _talib_25(*symbol)
    return time.thread_time() - began


def _talib_25(opened: Array, high: Array, low: Array, close: Array, volume: Array) -> None:
    """Compute 25 indicators over every session: TA-Lib has no cheaper way to the last one."""
    for period in (10, 20, 50, 100, 200):
        talib.SMA(close, period)
    for period in (10, 20, 50):
        talib.EMA(close, period)
    talib.RSI(close, 14)
    talib.RSI(close, 2)
    talib.MACD(close)
    talib.BBANDS(close, 20)
    talib.ATR(high, low, close, 14)
    talib.NATR(high, low, close, 14)
    talib.ADX(high, low, close, 14)
    talib.PLUS_DI(high, low, close, 14)
    talib.MINUS_DI(high, low, close, 14)
    talib.STOCH(high, low, close)
    talib.CCI(high, low, close, 20)
    talib.MFI(high, low, close, volume, 14)
    talib.OBV(close, volume)
    talib.WILLR(high, low, close, 14)
    talib.ROC(close, 10)
    talib.AROON(high, low, 25)
    talib.BOP(opened, high, low, close)


def polars_loop(bars: Array) -> float:
    """Return the CPU seconds of the newest 25 indicators of each symbol by polars-talib; bars as in `talib_loop`.

    All threads of polars count; making the frame does not.
    """
    symbols, _, sessions = bars.shape
    frame = pl.DataFrame(
        {"symbol": np.repeat(np.arange(symbols), sessions)}
        | {name: bars[:, number].ravel() for number, name in enumerate(FIELDS)}
    )
    newest = [column.last().alias(str(number)) for number, column in enumerate(_polars_25())]
    began = time.process_time()
    frame.group_by("symbol", maintain_order=True).agg(newest)
    return time.process_time() - began


def _polars_25() -> list[pl.Expr]:
    """Write the indicators of `_talib_25` as expressions; the plugin calls TA-Lib itself."""
    opened, high, low, close, volume = (pl.col(name) for name in FIELDS)
    return [
        *(plta.sma(close, timeperiod=period) for period in (10, 20, 50, 100, 200)),
        *(plta.ema(close, timeperiod=period) for period in (10, 20, 50)),
        plta.rsi(close, timeperiod=14),
        plta.rsi(close, timeperiod=2),
        plta.macd(close),
        plta.bbands(close, timeperiod=20),
        plta.atr(high, low, close, timeperiod=14),
        plta.natr(high, low, close, timeperiod=14),
        plta.adx(high, low, close, timeperiod=14),
        plta.plus_di(high, low, close, timeperiod=14),
        plta.minus_di(high, low, close, timeperiod=14),
        plta.stoch(high, low, close),
        plta.cci(high, low, close, timeperiod=20),
        plta.mfi(high, low, close, volume, timeperiod=14),
        plta.obv(close, volume),
        plta.willr(high, low, close, timeperiod=14),
        plta.roc(close, timeperiod=10),
        plta.aroon(high, low, timeperiod=25),
        plta.bop(opened, high, low, close),
    ]


def pandas_loop(bars: Array) -> float:
    """Return the CPU seconds of 25 indicators in pandas, symbol by symbol; bars as in `talib_loop`."""
    frames = [pd.DataFrame(symbol.T, columns=list(FIELDS)) for symbol in bars]
    began = time.thread_time()
    for frame in frames:
        _pandas_25(frame)
    return time.thread_time() - began


def _pandas_25(bars: pd.DataFrame) -> None:
    """Compute indicators of the same kinds as `_talib_25`, as they are usually written."""
    high, low, close, volume = bars["high"], bars["low"], bars["close"], bars["volume"]
    change = close.diff()
    before = close.shift()
    for period in (10, 20, 50, 100, 200):
        close.rolling(period).mean()
    for period in (10, 20, 50):
        close.ewm(span=period, adjust=False).mean()
    for period in (14, 2):
        gain = change.clip(lower=0).ewm(alpha=1 / period, adjust=False).mean()
        100 - 100 / (1 + gain / (-change.clip(upper=0)).ewm(alpha=1 / period, adjust=False).mean())
    line = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    line - line.ewm(span=9, adjust=False).mean()
    close.rolling(20).mean() + 2 * close.rolling(20).std(ddof=0)
    span = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).max(axis=1)
    span_mean = span.ewm(alpha=1 / 14, adjust=False).mean()
    span_mean / close
    up, down = high.diff(), -low.diff()
    plus = 100 * up.where((up > down) & (up > 0), 0.0).ewm(alpha=1 / 14, adjust=False).mean() / span_mean
    minus = 100 * down.where((down > up) & (down > 0), 0.0).ewm(alpha=1 / 14, adjust=False).mean() / span_mean
    ((plus - minus).abs() / (plus + minus)).ewm(alpha=1 / 14, adjust=False).mean()
    top, bottom = high.rolling(14).max(), low.rolling(14).min()
    ((close - bottom) / (top - bottom)).rolling(3).mean().rolling(3).mean()
    (close - top) / (top - bottom)
    typical = (high + low + close) / 3
    (typical - typical.rolling(20).mean()) / typical.rolling(20).std(ddof=0)
    flow = typical * volume
    flow.where(typical.diff() > 0, 0.0).rolling(14).sum() / flow.rolling(14).sum()
    (np.sign(change) * volume).cumsum()
    close.pct_change(10)
    high.rolling(26).max(), low.rolling(26).min()
    (close - bars["open"]) / (high - low)
