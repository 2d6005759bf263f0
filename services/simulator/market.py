"""The generated market: raw closes, listings and splits, and the bars that follow from them."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.market.sessions import is_half_day, nearest_session, next_session, sessions_ending
from services.simulator.listings import Listings, make_listings
from services.simulator.prices import Traits, make_traits, walk
from services.simulator.splits import SplitBook, SplitRow, plan_splits

GENERATOR_VERSION: Final = 3
"""Goes up with every change that alters a bar: it is part of the name under which bodies are kept."""

HISTORY: Final = 800
HORIZON: Final = 10
"""Sessions generated before and after the market's date; those after it let the clock move on and splits lie ahead."""


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """What a market is a function of.

    Args:
        seed: of all randomness, 0 or more.
        symbols: number of active listings, 100 or more.
        end: session up to which `HISTORY` sessions are generated; `HORIZON` more follow it.
    """

    seed: int
    symbols: int
    end: date

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"the seed is {self.seed}; it must be 0 or more")
        if nearest_session(self.end) != self.end:
            raise ValueError(f"{self.end} is not a session of the exchange")

    @property
    def fingerprint(self) -> str:
        """Return a name that only markets with the same bars share."""
        text = f"{GENERATOR_VERSION} {HISTORY} {HORIZON} {self.seed} {self.symbols} {self.end}"
        return sha256(text.encode()).hexdigest()[:12]

    @property
    def sessions(self) -> tuple[date, ...]:
        """Return all sessions of the market, ascending."""
        sessions = list(sessions_ending(self.end, HISTORY))
        for _ in range(HORIZON):
            sessions.append(next_session(sessions[-1]))
        return tuple(sessions)


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """A generated market. Raw prices are its truth; what the vendor calls adjusted is derived from them.

    Args:
        spec: what it was made from.
        sessions: ascending; the last `HORIZON` ones follow the market's date.
        listings: a column each.
        traits: of the columns.
        closes: raw closes in units of $0.0001, (session, column) int32; 0 where there was no trade.
        splits: what the vendor lists, and what it does to prices.
        half_days: (session,) bool.
    """

    spec: MarketSpec
    sessions: tuple[date, ...]
    listings: Listings
    traits: Traits
    closes: NDArray[np.int32]
    splits: SplitBook
    half_days: NDArray[np.bool_]

    def position(self, day: date) -> int | None:
        """Return the position of a session, or None if that day is none, or lies outside the market."""
        position = bisect_left(self.sessions, day)
        return position if position < len(self.sessions) and self.sessions[position] == day else None

    def listed(self, day: date) -> NDArray[np.bool_]:
        """Tell which columns are listed on a day, (column,) bool."""
        position = bisect_right(self.sessions, day) - 1
        active = self.listings.first <= position
        active[self.listings.active :] = position <= self.listings.last[self.listings.active :]
        return active

    def delisted(self, day: date) -> NDArray[np.bool_]:
        """Tell which columns are no longer listed on a day, (column,) bool."""
        gone = ~self.listed(day)
        gone[: self.listings.active] = False
        return gone

    def first_session(self, column: int) -> date:
        """Return the session from which a column is listed."""
        return self.sessions[int(self.listings.first[column])]

    def last_session(self, column: int) -> date:
        """Return the last session in which a column is listed."""
        return self.sessions[int(self.listings.last[column])]


def generate(spec: MarketSpec) -> Market:
    """Make a market. Pure; about a second for 12,500 symbols."""
    listings = make_listings(spec.seed, spec.symbols, HISTORY + HORIZON, HORIZON)
    traits = make_traits(spec.seed, listings)
    path = walk(spec.seed, listings, traits, HISTORY + HORIZON)
    splits = plan_splits(spec.seed, listings, path, HORIZON)
    splits.rebase(path)
    closes = _ticks(path)
    _drop_untraded(spec.seed, listings, closes)
    return Market(spec, spec.sessions, listings, traits, closes, splits, _half_days(spec))


def restore(spec: MarketSpec, closes: NDArray[np.int32], rows: tuple[SplitRow, ...]) -> Market:
    """Make a market from the two parts of it that are worth keeping; all others cost next to nothing.

    Raises:
        ValueError: the closes are not of this market.
    """
    listings = make_listings(spec.seed, spec.symbols, HISTORY + HORIZON, HORIZON)
    if closes.shape != (HISTORY + HORIZON, len(listings.symbols)):
        raise ValueError(f"closes of shape {closes.shape} are not those of {spec}")
    traits = make_traits(spec.seed, listings)
    return Market(spec, spec.sessions, listings, traits, closes, SplitBook(rows), _half_days(spec))


def _half_days(spec: MarketSpec) -> NDArray[np.bool_]:
    return np.array([is_half_day(session) for session in spec.sessions])


def _ticks(path: NDArray[np.float32]) -> NDArray[np.int32]:
    """Round prices to what is quoted: cents from $1 on, hundredths of a cent below; units of $0.0001."""
    closes = np.empty(path.shape, np.int32)
    for row, target in zip(path, closes, strict=True):
        price = row.astype(np.float64)
        target[:] = np.where(price < 1, np.maximum(np.rint(price * 10_000), 1), np.rint(price * 100) * 100)
    return closes


def _drop_untraded(seed: int, listings: Listings, closes: NDArray[np.int32]) -> None:
    """Zero the closes of sessions without a trade: unlisted, thin, or halted."""
    rng = np.random.Generator(np.random.PCG64([seed, 6]))
    sessions = len(closes)
    position = np.arange(sessions)[:, None]
    changing = np.flatnonzero((listings.first > 0) | (listings.last < sessions - 1))
    unlisted = (position < listings.first[changing]) | (position > listings.last[changing])
    closes[:, changing] *= ~unlisted
    thin = np.flatnonzero(listings.fill < 1)
    closes[:, thin] *= rng.random((sessions, len(thin))) < listings.fill[thin]
    halted = rng.choice(np.arange(8, listings.active), max(2, listings.active // 200), replace=False)
    for column, begin, length in zip(
        halted, rng.integers(1, sessions, len(halted)), rng.integers(1, 13, len(halted)), strict=True
    ):
        closes[begin : begin + length, column] = 0
    # One halt always covers the market's date, so that every market has a liquid stock without its newest bar.
    stock = rng.choice(np.setdiff1d(listings.lasting_stocks, thin))
    closes[sessions - HORIZON - 4 : sessions - HORIZON + 2, stock] = 0
