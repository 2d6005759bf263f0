"""Generated bars: ordinary ones, and every kind that has broken an indicator before."""

import numpy as np
from numpy.typing import NDArray

from services.market.panel import Panel

Array = NDArray[np.float64]

SESSIONS = 300


def panel_of(bars: Array, fetched: NDArray[np.bool_] | None = None) -> Panel:
    """Wrap (field, session, symbol) bars; symbols are S0, S1, ..."""
    sessions, symbols = bars.shape[1:]
    return Panel(
        tuple(f"S{j}" for j in range(symbols)),
        np.arange(sessions, dtype=np.int32),
        np.ones(sessions, np.bool_) if fetched is None else fetched,
        bars,
    )


def walk(
    symbols: int, *, seed: int = 0, sessions: int = SESSIONS, drift: float = 0.0, volatility: float = 0.02
) -> Array:
    """Bars of random walks: (field, session, symbol), without gaps."""
    rng = np.random.default_rng(seed)
    shape = (sessions, symbols)
    close = 50.0 * np.exp(np.cumsum(rng.normal(drift, volatility, shape), axis=0))
    open_ = close * (1 + rng.normal(0, volatility / 4, shape))
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, volatility / 4, shape)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, volatility / 4, shape)))
    return np.stack([open_, high, low, close, rng.lognormal(13, 0.7, shape)])


def benchmark(*, sessions: int = SESSIONS, seed: int = 99) -> Array:
    """Closes of a benchmark: (session,)."""
    return walk(1, seed=seed, sessions=sessions, volatility=0.01)[3, :, 0].copy()


def oddities() -> dict[str, Array]:
    """Bars of one symbol each, (field, session), by what is odd about them; NaN = no bar."""
    plain = walk(16, seed=7)
    odd = {f"plain {j}": plain[:, :, j] for j in range(4)}
    odd["rising"] = walk(1, seed=8, drift=0.02, volatility=0.001)[:, :, 0]
    odd["falling"] = walk(1, seed=9, drift=-0.02, volatility=0.001)[:, :, 0]
    odd["constant"] = np.broadcast_to(np.array([[10.0], [10.0], [10.0], [10.0], [1e5]]), (5, SESSIONS)).copy()
    odd["constant, odd digits"] = np.broadcast_to(np.array([[0.1], [0.1], [0.1], [0.1], [3.3]]), (5, SESSIONS)).copy()
    frozen = plain[:, :, 4].copy()
    frozen[:4, 200:], frozen[4, 200:] = frozen[3, 199], 0.0
    odd["frozen for 100 sessions"] = frozen
    odd["jump up"] = _jumped(plain[:, :, 5], 280, 1e3)
    odd["jump down"] = _jumped(plain[:, :, 6], 290, 1e-3)
    odd["spike undone"] = _jumped(_jumped(plain[:, :, 7], 270, 50.0), 271, 1 / 50.0)
    odd["tiny"] = plain[:, :, 8] * np.array([[1e-6], [1e-6], [1e-6], [1e-6], [1.0]])
    odd["huge"] = plain[:, :, 9] * np.array([[1e5], [1e5], [1e5], [1e5], [1e-5]])
    odd["no volume"] = plain[:, :, 10] * np.array([[1.0], [1.0], [1.0], [1.0], [0.0]])
    odd["little volume"] = plain[:, :, 15] * np.array([[1.0], [1.0], [1.0], [1.0], [1e-9]])
    odd["gaps"] = _without(plain[:, :, 11], np.random.default_rng(3).random(SESSIONS) < 0.1)
    odd["last bar 3 sessions ago"] = _without(plain[:, :, 12], np.arange(SESSIONS) >= SESSIONS - 3)
    for bars in (60, 150, 199, 200, 252, 253):
        odd[f"{bars} bars"] = _without(plain[:, :, 13], np.arange(SESSIONS) < SESSIONS - bars)
    odd["first bar, then a gap"] = _without(plain[:, :, 14], (np.arange(SESSIONS) > 20) & (np.arange(SESSIONS) < 90))
    return odd


def _jumped(bars: Array, session: int, ratio: float) -> Array:
    jumped = bars.copy()
    jumped[:4, session:] *= ratio
    return jumped


def _without(bars: Array, gone: NDArray[np.bool_]) -> Array:
    gapped = bars.copy()
    gapped[:, gone] = np.nan
    return gapped
