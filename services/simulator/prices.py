"""The paths of the generated prices: a factor market with regimes, sectors, fat tails and clustered volatility.

price(s) = price(s-1) * growth(loadings . factors(s) + sigma * level(s) * t(s)), where t has Student's law with 4
degrees of freedom. Factors: market, rates, size, value, and the symbol's own sector.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.simulator.listings import CONTEXT, KINDS, Listings
from services.simulator.portable import exp, gridded, growth, normal, student, total

_MARKET, _RATES, _SIZE, _VALUE, _SECTORS = 0, 1, 2, 3, 4
_FACTORS: Final = _SECTORS + 11

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
_BAND: Final = (0.35, 500.0)  # dollars


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What distinguishes the symbols. Axis: column, of loadings the second one; float64.

    Args:
        loadings: exposures to market, rates, size, value, and the own sector.
        sigma: own daily volatility as a fraction.
        start: price of the first session in dollars.
        dollars: usual dollar volume of a session.
        spread: usual volatility within a session as a fraction.
    """

    loadings: NDArray[np.float64]
    sigma: NDArray[np.float64]
    start: NDArray[np.float64]
    dollars: NDArray[np.float64]
    spread: NDArray[np.float64]


def make_traits(seed: int, listings: Listings) -> Traits:
    """Draw the traits of every column around the medians of its kind."""
    rng = np.random.Generator(np.random.PCG64([seed, 2]))
    kind, size, columns = listings.kind, listings.size, len(listings.symbols)
    medians = {
        name: np.array([getattr(item, name) for item in KINDS])[kind] for name in ("beta", "sigma", "price", "dollars")
    }
    scatter = normal(rng, (4, columns))
    beta = medians["beta"]
    loadings = np.array(
        [beta * exp(0.35 * scatter[0]), 0.15 * scatter[3] * beta, -0.5 * size * beta, 0.5 * scatter[1] * beta, beta]
    )
    sigma = medians["sigma"] * exp(0.35 * scatter[2] - 0.25 * size)
    start = np.clip(medians["price"] * exp(0.7 * scatter[1] + 0.8 * size), 0.5, 450)
    dollars = medians["dollars"] * exp(2.0 * size + 0.6 * scatter[3])
    loadings[:, : len(CONTEXT)] = 0
    for column, symbol in enumerate(CONTEXT):
        market, rates, sigma[column], start[column], dollars[column] = _CONTEXT_TRAITS[symbol]
        loadings[:2, column] = market, rates
    across = 0.007 * loadings[_MARKET]
    return Traits(loadings, sigma, start, dollars, spread=np.sqrt(sigma * sigma + across * across))


def walk(seed: int, listings: Listings, traits: Traits, sessions: int) -> NDArray[np.float32]:
    """Return prices in dollars on the first session's split basis, (session, column) float32.

    Prices are held between about $0.35 and $500 by a pull that acts only outside that band. SPY and QQQ are sums
    over the common stocks, so that they never tell another story than their parts.
    """
    factors, levels = _factors(np.random.Generator(np.random.PCG64([seed, 3])), sessions)
    rng = np.random.Generator(np.random.PCG64([seed, 4]))
    path = np.empty((sessions, len(listings.symbols)), np.float32)
    price = traits.start.copy()
    path[0] = price
    for session in range(1, sessions):
        change = student(rng, len(price))
        change *= traits.sigma
        change *= levels[session]
        for loading, factor in zip(traits.loadings, factors[session, :_SECTORS], strict=False):
            change += loading * factor
        change += traits.loadings[_SECTORS] * factors[session, _SECTORS:][listings.sector]
        np.clip(change, -0.9, 0.7, out=change)
        change[CONTEXT.index("VIXY")] += _VIXY_DECAY
        price *= growth(change)
        price += 0.2 * (np.clip(price, *_BAND) - price)
        path[session] = price
    _aggregate(listings, traits, path)
    return path


def _factors(rng: np.random.Generator, sessions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return factor returns (session, factor), and the level of own volatilities (session,)."""
    shocks = gridded(student(rng, (sessions, _FACTORS)))
    scales = np.full(_FACTORS, 0.005)
    scales[[_RATES, _SIZE, _VALUE]] = 0.0085, 0.004, 0.005
    factors = shocks * scales
    levels = np.empty(sessions)
    regime, variance = 0, 1.0
    for session, pick in enumerate(rng.random(sessions)):
        regime = min(int(np.searchsorted(np.cumsum(_NEXT_REGIME[regime]), pick)), len(_REGIMES) - 1)
        drift, volatility = _REGIMES[regime]
        shock = float(shocks[session, _MARKET])
        factors[session, _MARKET] = drift + volatility * sqrt(variance) * shock
        levels[session] = sqrt(variance * volatility / 0.009)
        # Volatility clusters: a GARCH(1,1) around 1.
        variance = 0.06 + 0.84 * variance + 0.10 * variance * min(shock * shock, 9.0)
    return factors, levels


def _aggregate(listings: Listings, traits: Traits, path: NDArray[np.float32]) -> None:
    """Overwrite the columns of SPY and QQQ by sums over the stocks that are listed throughout."""
    for symbol, sectors in (("SPY", 11), ("QQQ", 1)):
        column = CONTEXT.index(symbol)
        stocks = index_members(listings, sectors)
        shares = np.sqrt(traits.dollars[stocks]) / traits.start[stocks]
        level = np.array([total(prices[stocks] * shares) for prices in path])
        path[:, column] = level * (traits.start[column] / level[0])


def index_members(listings: Listings, sectors: int) -> NDArray[np.int64]:
    """Return the columns of the common stocks of the first `sectors` sectors that are listed in the whole window."""
    stocks = listings.lasting_stocks
    return stocks[listings.sector[stocks] < sectors]
