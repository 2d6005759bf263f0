"""Floors, measured in the same run as what they bound: they drift with the machine as it does."""

import socket
import threading
import time
from typing import Final

import numpy as np
import pandas as pd
import talib
from numpy.typing import NDArray

from services.market.panel import FIELDS
from tests.benchmarks.scale import BLOCK, SESSIONS

Array = NDArray[np.float64]
_READ: Final = 1 << 20


def latency_bound(calls: int, latency_ms: int, concurrency: int) -> float:
    """Return the seconds that so many calls take if nothing but waiting for the answers costs time."""
    return calls * latency_ms / 1000 / concurrency


def socket_copy(symbols: int) -> float:
    """Return the seconds that the bytes of a panel take through a loopback socket, in pieces of a block."""
    piece = bytes(8 * len(FIELDS) * SESSIONS * BLOCK)
    total = 8 * len(FIELDS) * SESSIONS * symbols
    target = memoryview(bytearray(total))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sending:
        receiving, _ = server.accept()
        with receiving:
            sender = threading.Thread(target=_send, args=(sending, piece, total))
            began = time.perf_counter()
            sender.start()
            at = 0
            while at < total:
                at += receiving.recv_into(target[at : at + _READ])
            seconds = time.perf_counter() - began
            sender.join()
    return seconds


def _send(sending: socket.socket, piece: bytes, total: int) -> None:
    for start in range(0, total, len(piece)):
        sending.sendall(piece[: total - start])


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
