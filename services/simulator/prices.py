"""The paths of the generated prices: a factor market with regimes, sectors, fat tails and clustered volatility.

log price(s) = log price(s-1) + loadings . factors(s) + sigma * level(s) * t(s), where t has Student's law with 4
degrees of freedom. Factors: market, rates, size, value, and one a sector.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.simulator.listings import CONTEXT, KINDS, Listings

_MARKET, _RATES, _SIZE, _VALUE, _SECTORS = 0, 1, 2, 3, 4
_FACTORS: Final = _SECTORS + 11
_BLOCK: Final = 54  # sessions whose draws fit the processor's cache

_REGIMES: Final = ((0.0008, 0.006), (0.0001, 0.009), (-0.0016, 0.018), (0.0016, 0.013))
"""Drift and volatility of the market in a quiet rise, a sideways market, a fall, a recovery."""
_NEXT_REGIME: Final = (
    (0.985, 0.012, 0.003, 0.0),
    (0.014, 0.976, 0.010, 0.0),
    (0.0, 0.010, 0.970, 0.020),
    (0.015, 0.005, 0.005, 0.975),
)

_CONTEXT_TRAITS: Final = {
    "SPY": (1.0, 0.0, 0.0, 420.0, 4e10),
    "QQQ": (1.1, 0.0, 0.0, 320.0, 2e10),
    "HYG": (0.33, 0.15, 0.0012, 79.0, 3e9),
    "LQD": (0.10, 0.50, 0.0010, 109.0, 2e9),
    "SHY": (0.00, 0.09, 0.0002, 82.0, 4e8),
    "TLT": (-0.05, 1.00, 0.0010, 92.0, 4e9),
    "IEF": (-0.02, 0.45, 0.0005, 94.0, 8e8),
    "VIXY": (-3.20, 0.00, 0.0150, 60.0, 1e8),
}
"""Market beta, rates beta, own volatility, price in dollars, dollar volume."""
_VIXY_DECAY: Final = -0.002


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What distinguishes the symbols. Axis: column (and factor).

    Args:
        loadings: exposures to the factors, (column, factor) float32.
        sigma: own daily volatility as a fraction, float32.
        start: price of the first session in dollars, float32.
        dollars: usual dollar volume of a session, float32.
        spread: usual volatility within a session as a fraction, float32.
    """

    loadings: NDArray[np.float32]
    sigma: NDArray[np.float32]
    start: NDArray[np.float32]
    dollars: NDArray[np.float32]
    spread: NDArray[np.float32]


def make_traits(seed: int, listings: Listings) -> Traits:
    """Draw the traits of every column around the medians of its kind."""
    rng = np.random.Generator(np.random.PCG64([seed, 2]))
    kind, size, columns = listings.kind, listings.size, len(listings.symbols)
    medians = {
        name: np.array([getattr(item, name) for item in KINDS], np.float32)[kind]
        for name in ("beta", "sigma", "price", "dollars")
    }
    scatter = rng.standard_normal((4, columns), np.float32)
    loadings = np.zeros((columns, _FACTORS), np.float32)
    loadings[:, _MARKET] = medians["beta"] * np.exp(0.35 * scatter[0])
    loadings[:, _RATES] = 0.15 * scatter[3] * medians["beta"]
    loadings[:, _SIZE] = -0.5 * size * medians["beta"]
    loadings[:, _VALUE] = 0.5 * scatter[1] * medians["beta"]
    loadings[np.arange(columns), _SECTORS + listings.sector] = medians["beta"]
    sigma = medians["sigma"] * np.exp(0.35 * scatter[2] - 0.25 * size)
    start = np.clip(medians["price"] * np.exp(0.7 * scatter[1] + 0.8 * size), 0.5, 450)
    dollars = medians["dollars"] * np.exp(2.0 * size + 0.6 * scatter[3])
    for column, symbol in enumerate(CONTEXT):
        beta, rates, sigma[column], start[column], dollars[column] = _CONTEXT_TRAITS[symbol]
        loadings[column] = 0
        loadings[column, :2] = beta, rates
    spread = np.hypot(sigma, np.float32(0.007) * np.abs(loadings[:, _MARKET]))
    return Traits(loadings, sigma, start, dollars, spread)


def walk(seed: int, listings: Listings, traits: Traits, sessions: int) -> NDArray[np.float32]:
    """Return log prices on the first session's split basis, (session, column) float32.

    Prices are held between about $0.35 and $500 by a pull that acts only outside that band. SPY and QQQ are sums
    over the common stocks, so that they never tell another story than their parts.
    """
    factors, levels = _factors(np.random.Generator(np.random.PCG64([seed, 3])), sessions)
    columns = len(listings.symbols)
    path = np.empty((sessions, columns), np.float32)
    for begin in range(0, sessions, _BLOCK):
        block = path[begin : begin + _BLOCK]
        np.matmul(factors[begin : begin + _BLOCK], traits.loadings.T, out=block)
        noise = _student(np.random.Generator(np.random.PCG64([seed, 4, begin])), block.shape)
        noise *= traits.sigma
        noise *= levels[begin : begin + _BLOCK, None]
        block += noise
    np.clip(path, -0.9, 0.7, out=path)
    path[:, CONTEXT.index("VIXY")] += _VIXY_DECAY
    path[0] = np.log(traits.start)
    _accumulate(path)
    _aggregate(listings, traits, path)
    return path


def _student(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw from Student's law with 4 degrees of freedom, scaled to variance 1.

    Chi-square with 4 degrees is twice a sum of two exponentials; both laws have fast generators, Student's has none.
    """
    normal = rng.standard_normal(shape, np.float32)
    chi_square = rng.standard_exponential(shape, np.float32)
    chi_square += rng.standard_exponential(shape, np.float32)
    normal /= np.sqrt(chi_square, out=chi_square)
    return normal


def _factors(rng: np.random.Generator, sessions: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return factor returns (session, factor), and the level of own volatilities (session,)."""
    shocks = rng.standard_t(5, (sessions, _FACTORS)) / np.sqrt(5 / 3)
    scales = np.full(_FACTORS, 0.005)
    scales[[_RATES, _SIZE, _VALUE]] = 0.0085, 0.004, 0.005
    factors = shocks * scales
    levels = np.empty(sessions)
    regime, variance = 0, 1.0
    for session, pick in enumerate(rng.random(sessions)):
        regime = min(int(np.searchsorted(np.cumsum(_NEXT_REGIME[regime]), pick)), len(_REGIMES) - 1)
        drift, volatility = _REGIMES[regime]
        shock = shocks[session, _MARKET]
        factors[session, _MARKET] = drift + volatility * np.sqrt(variance) * shock
        levels[session] = np.sqrt(variance * volatility / 0.009)
        # Volatility clusters: a GARCH(1,1) around 1.
        variance = 0.06 + 0.84 * variance + 0.10 * variance * min(shock * shock, 9.0)
    return factors.astype(np.float32), levels.astype(np.float32)


def _accumulate(path: NDArray[np.float32]) -> None:
    """Turn returns into log prices in place, pulling back what leaves the band."""
    low, high = np.float32(np.log(0.35)), np.float32(np.log(500.0))
    price = path[0].copy()
    inside = np.empty_like(price)
    for row in path[1:]:
        price += row
        np.clip(price, low, high, out=inside)
        inside -= price
        inside *= np.float32(0.2)
        price += inside
        row[:] = price


def _aggregate(listings: Listings, traits: Traits, path: NDArray[np.float32]) -> None:
    """Overwrite the columns of SPY and QQQ by sums over the stocks that are listed throughout."""
    for symbol, sectors in (("SPY", 11), ("QQQ", 1)):
        column = CONTEXT.index(symbol)
        stocks = index_members(listings, sectors)
        shares = np.sqrt(traits.dollars[stocks]) / traits.start[stocks]
        level = np.exp(path[:, stocks]) @ shares
        path[:, column] = np.log(level) + (np.log(traits.start[column]) - np.log(level[0]))


def index_members(listings: Listings, sectors: int) -> NDArray[np.int64]:
    """Return the columns of the common stocks of the first `sectors` sectors that are listed in the whole window."""
    stocks = listings.lasting_stocks
    return stocks[listings.sector[stocks] < sectors]
