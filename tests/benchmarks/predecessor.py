"""The predecessor's way: a thread pool, one HTTP call a symbol, pandas a symbol, predictions row by row.

Written anew after its design, not its code: what is compared is the way, on the same market and the same cores.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from services.inference.model import Model
from services.inference.repository import ModelRepository
from services.inference.settings import InferenceSettings
from services.market.sessions import sessions_ending
from tests.benchmarks.blocking import BlockingClient
from tests.benchmarks.scale import AS_OF, SESSIONS, Scale
from tests.benchmarks.stacks import KEY, Provider

THREADS: Final = 20
"""As many as our calls in flight."""
_LISTING: Final = "/v3/reference/tickers?market=stocks&active=true&type=CS&limit=1000"
_RANGE: Final = "/v2/aggs/ticker/{symbol}/range/1/day/{first}/{last}?adjusted=true&sort=asc&limit=50000"


@dataclass(frozen=True, slots=True)
class PeerResult:
    """Two measured scans of the predecessor's way.

    Attributes:
        sizes: symbols of each.
        seconds: of each.
        calls_per_symbol: HTTP calls that each symbol took.
    """

    sizes: tuple[int, int]
    seconds: tuple[float, float]
    calls_per_symbol: float

    @property
    def seconds_per_symbol(self) -> float:
        """Slope between the two, which leaves fixed costs out."""
        return (self.seconds[1] - self.seconds[0]) / (self.sizes[1] - self.sizes[0])

    def extrapolate(self, symbols: int) -> float:
        """Return the seconds of a scan of so many symbols, on the straight line through the two."""
        return self.seconds[1] + self.seconds_per_symbol * (symbols - self.sizes[1])


def measure_peer(provider: Provider, scale: Scale) -> PeerResult:
    """Scan two small universes the predecessor's way; blocks for seconds."""
    client = BlockingClient(provider.address, KEY)
    models = _models()
    try:
        symbols = [row["ticker"] for row in client.get_json(_LISTING)["results"]][: scale.peer_sizes[1]]
        _scan(client, models, symbols[:THREADS])
        small, large = scale.peer_sizes
        seconds = (_scan(client, models, symbols[:small]), _scan(client, models, symbols[:large]))
    finally:
        client.close()
    return PeerResult((small, len(symbols)), seconds, 1.0)


def _models() -> tuple[Model, ...]:
    repository = ModelRepository(InferenceSettings().models_path)
    repository.load_all()
    return tuple(repository.model(entry.name) for entry in repository.entries())


def _scan(client: BlockingClient, models: tuple[Model, ...], symbols: list[str]) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda symbol: _score(client, models, symbol), symbols))
    return time.perf_counter() - began


def _score(client: BlockingClient, models: tuple[Model, ...], symbol: str) -> list[float]:
    sessions = sessions_ending(AS_OF, SESSIONS)
    answer = client.get_json(_RANGE.format(symbol=symbol, first=sessions[0], last=sessions[-1]))
    rows = answer.get("results")
    if not rows:
        return []
    frame = pd.DataFrame(rows).rename(columns={"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"})
    latest = _indicators(frame).iloc[-1].to_numpy(np.float32)
    latest[~np.isfinite(latest)] = np.nan
    # A row at a time; what the values are does not change the time that trees take.
    return [float(model.predict(np.resize(latest, (1, len(model.card.features))))[0]) for model in models]


def _indicators(bars: pd.DataFrame) -> pd.DataFrame:
    """Compute 25 indicators of one symbol over all its sessions."""
    close, high, low, volume = bars["close"], bars["high"], bars["low"], bars["volume"]
    out = pd.DataFrame(index=bars.index)
    for period in (10, 20, 50, 100, 200):
        out[f"sma_{period}"] = close.rolling(period).mean()
    for period in (10, 20, 50):
        out[f"ema_{period}"] = close.ewm(span=period, adjust=False).mean()
    for period in (2, 14):
        change = close.diff()
        gain = change.clip(lower=0).ewm(alpha=1 / period, adjust=False).mean()
        loss = (-change.clip(upper=0)).ewm(alpha=1 / period, adjust=False).mean()
        out[f"rsi_{period}"] = 100 - 100 / (1 + gain / loss)
    out["macd"] = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    out["macd_signal"] = out["macd"].ewm(span=9, adjust=False).mean()
    deviation = close.rolling(20).std()
    out["upper"], out["lower"] = out["sma_20"] + 2 * deviation, out["sma_20"] - 2 * deviation
    parts = [high - low, (high - close.shift()).abs(), (low - close.shift()).abs()]
    out["atr"] = pd.concat(parts, axis=1).max(axis=1).ewm(alpha=1 / 14, adjust=False).mean()
    out["natr"] = 100 * out["atr"] / close
    up, down = high.diff(), -low.diff()
    out["plus_di"] = 100 * up.where((up > down) & (up > 0), 0.0).ewm(alpha=1 / 14).mean() / out["atr"]
    out["minus_di"] = 100 * down.where((down > up) & (down > 0), 0.0).ewm(alpha=1 / 14).mean() / out["atr"]
    spread = (out["plus_di"] - out["minus_di"]).abs() / (out["plus_di"] + out["minus_di"])
    out["adx"] = 100 * spread.ewm(alpha=1 / 14).mean()
    out["stochastic"] = 100 * (close - low.rolling(14).min()) / (high.rolling(14).max() - low.rolling(14).min())
    typical = (high + low + close) / 3
    out["cci"] = (typical - typical.rolling(20).mean()) / (0.015 * typical.rolling(20).std())
    out["obv"] = (np.sign(close.diff()) * volume).cumsum()
    out["williams"] = -100 * (high.rolling(14).max() - close) / (high.rolling(14).max() - low.rolling(14).min())
    out["roc"] = close.pct_change(10)
    out["volume_mean"] = volume.rolling(20).mean()
    return out
