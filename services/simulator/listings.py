"""The listed symbols of the generated market: tickers, types, sectors, and how long each one trades."""

from dataclasses import dataclass
from string import ascii_uppercase
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.simulator.portable import normal

CONTEXT: Final = ("SPY", "QQQ", "HYG", "LQD", "SHY", "TLT", "IEF", "VIXY")
"""Context ETFs, always the first columns."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of security, by the vendor's code, with the medians that its symbols scatter around.

    Args:
        code: the vendor's type code; empty where the vendor states none.
        share: fraction of all listed symbols.
        beta: exposure to the market factor.
        sigma: daily volatility of its own, as a fraction.
        price: price in dollars.
        dollars: dollar volume of a session.
        thin: fraction of its symbols that do not trade in every session.
    """

    code: str
    share: float
    beta: float
    sigma: float
    price: float
    dollars: float
    thin: float


KINDS: Final = (
    Kind("CS", 0.428, 1.05, 0.024, 26.0, 9e6, 0.02),
    Kind("ADRC", 0.032, 0.95, 0.022, 18.0, 5e6, 0.05),
    Kind("", 0.020, 0.90, 0.026, 12.0, 1e6, 0.10),
    Kind("ETF", 0.272, 0.85, 0.004, 34.0, 2e6, 0.08),
    Kind("FUND", 0.056, 0.45, 0.005, 13.0, 8e5, 0.03),
    Kind("PFD", 0.072, 0.15, 0.005, 23.0, 2e5, 0.35),
    Kind("WARRANT", 0.048, 1.40, 0.060, 0.9, 3e4, 0.60),
    Kind("UNIT", 0.024, 0.05, 0.004, 10.4, 5e4, 0.70),
    Kind("RIGHT", 0.008, 0.60, 0.060, 0.7, 1e4, 0.70),
    Kind("SP", 0.016, 0.12, 0.004, 23.5, 2e5, 0.30),
    Kind("ETN", 0.0048, 0.90, 0.010, 30.0, 4e5, 0.20),
    Kind("ETV", 0.0096, 0.60, 0.010, 28.0, 9e5, 0.05),
    Kind("ETS", 0.0096, 0.90, 0.020, 22.0, 2e6, 0.05),
)
COMMON, ADR, UNTYPED, ETF = range(4)
_SUFFIXES: Final = {"WARRANT": ("W", ".WS"), "UNIT": ("U", ".U"), "RIGHT": ("R", "r")}
_SECTOR_SHARES: Final = (0.16, 0.20, 0.19, 0.11, 0.11, 0.06, 0.04, 0.05, 0.03, 0.03, 0.02)


@dataclass(frozen=True, slots=True, eq=False)
class Listings:
    """Everything listed at some time. Axis of all arrays: column.

    Args:
        symbols: tickers; the active ones first, then those delisted inside the window, then the unreferenced one.
        active: number of symbols that are listed when the window ends.
        kind: index into KINDS, int8.
        sector: index into `companies.SECTORS`, int8.
        size: standard normal; what is larger is dearer, more traded and calmer, float64.
        first: position of the first session with a bar, int16.
        last: position of the last session with a bar, int16; below `first` for a symbol that never trades.
        fill: probability of a bar in a session, float64.
    """

    symbols: tuple[str, ...]
    active: int
    kind: NDArray[np.int8]
    sector: NDArray[np.int8]
    size: NDArray[np.float64]
    first: NDArray[np.int16]
    last: NDArray[np.int16]
    fill: NDArray[np.float64]

    @property
    def lasting_stocks(self) -> NDArray[np.int64]:
        """Columns of the common stocks that are listed in the whole window."""
        lasting = (self.kind == COMMON) & (self.first == 0) & (self.last == self.last.max())
        return np.flatnonzero(lasting[: self.active])

    @property
    def unreferenced(self) -> int:
        """Column of the symbol that has bars but no entry in the reference list."""
        return len(self.symbols) - 1


def make_listings(seed: int, count: int, sessions: int, horizon: int) -> Listings:
    """Draw the listed symbols.

    Args:
        seed: of the market.
        count: symbols that are listed when the window ends; 100 at least.
        sessions: sessions in the window, the future ones included.
        horizon: sessions at the end in which nothing is listed or delisted any more.
    """
    if count < 100:
        raise ValueError(f"a market of {count} symbols is too small; 100 is the least")
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    kind = _kinds(count)
    columns = len(kind)
    thin = rng.random(columns) < np.array([item.thin for item in KINDS])[kind]
    thin[: len(CONTEXT)] = False
    first, last = _lifetimes(rng, kind, count, sessions, horizon)
    return Listings(
        symbols=_tickers(rng, kind),
        active=count,
        kind=kind,
        sector=rng.choice(len(_SECTOR_SHARES), columns, p=_SECTOR_SHARES).astype(np.int8),
        size=normal(rng, columns),
        first=first,
        last=last,
        fill=np.where(thin, 0.3 + 0.67 * rng.random(columns), 1.0),
    )


def _kinds(count: int) -> NDArray[np.int8]:
    exact = np.array([item.share for item in KINDS]) * count
    counts = np.floor(exact + 1e-9).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: count - counts.sum()]] += 1
    counts[ETF] -= len(CONTEXT)
    delisted = max(2, count // 50)
    parts = ((ETF, len(CONTEXT)), *enumerate(counts), (COMMON, delisted), (COMMON, 1))
    return np.concatenate([np.full(number, code, np.int8) for code, number in parts])


def _lifetimes(
    rng: np.random.Generator, kind: NDArray[np.int8], count: int, sessions: int, horizon: int
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    first = np.zeros(len(kind), np.int16)
    last = np.full(len(kind), sessions - 1, np.int16)
    common = np.flatnonzero(kind[:count] == COMMON)
    listed = rng.choice(common, max(2, len(common) // 25), replace=False)
    first[listed] = rng.integers(30, sessions - horizon - 20, len(listed))
    last[count:-1] = rng.integers(60, sessions - horizon - 5, len(kind) - count - 1)
    silent = np.setdiff1d(common, listed)[-3:]
    first[silent], last[silent] = 1, 0
    return first, last


def _tickers(rng: np.random.Generator, kind: NDArray[np.int8]) -> tuple[str, ...]:
    """Give every column a ticker; derived securities take the root of a common stock, as real ones do."""
    columns = len(kind)
    short, long = rng.permutation(26**3)[:5000], rng.permutation(26**4)[:columns]
    names = [_letters(int(number), 3) for number in short] + [_letters(int(number), 4) for number in long]
    roots = [names[position] for position in rng.permutation(len(names)) if names[position] not in CONTEXT]
    derived_roots = iter(roots[columns:])
    tickers = list(CONTEXT)
    for column in range(len(CONTEXT), columns):
        code, root = KINDS[kind[column]].code, roots[column]
        if code == "PFD":
            ticker = f"{next(derived_roots)}p{ascii_uppercase[column % 9]}"
        elif code in _SUFFIXES:
            ticker = root + _SUFFIXES[code][len(root) - 3 == 0]
        elif code == "CS" and column % 97 == 0:
            ticker = f"{root}.{ascii_uppercase[column % 2]}"
        else:
            ticker = root
        tickers.append(ticker)
    return tuple(tickers)


def _letters(number: int, length: int) -> str:
    return "".join(ascii_uppercase[number // 26**place % 26] for place in reversed(range(length)))
