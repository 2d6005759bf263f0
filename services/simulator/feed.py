"""What the endpoints about bars answer from: the port, and the generated market behind it."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.simulator.bars import SCALE, Bars, adjusted_bars, raw_bars, running_bars
from services.simulator.body import RowWriter
from services.simulator.market import Market
from services.simulator.quotes import Quotes


class Feed(Protocol):
    """Bars of all symbols and sessions.

    In the methods `basis` is the position of the session through which splits have executed for adjusted answers, None
    for raw ones; `elapsed` is how much of the last session asked for can be seen, above 0 and up to 1.
    """

    @property
    def sessions(self) -> Sequence[date]:
        """All sessions, ascending."""

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of every column."""

    @property
    def running(self) -> bool:
        """Whether a session shows while it runs; else it shows only when it is over."""

    def position(self, day: date) -> int | None:
        """Return the position of a session, or None if there are no bars of that day."""

    def split_count(self, basis: int) -> int:
        """Return how many splits have executed: answers differ only where this does."""

    def quotes(
        self, sessions: NDArray[np.int64], columns: NDArray[np.int64], basis: int | None, elapsed: float
    ) -> Quotes:
        """Return the bars of some columns in some sessions, which follow each other."""

    def rows(self, position: int, basis: int | None, elapsed: float, timestamp_ms: int) -> tuple[bytes, int]:
        """Return the bars of one session as JSON rows separated by commas, stamped, and their number."""


class GeneratedFeed:
    """A `Feed` from the generated market.

    Args:
        market: the market.
    """

    running = True

    def __init__(self, market: Market) -> None:
        self._market = market
        self._everything = np.arange(len(market.listings.symbols))
        self._writer = RowWriter(market.listings.symbols)

    @property
    def sessions(self) -> Sequence[date]:
        """All sessions, ascending."""
        return self._market.sessions

    @property
    def symbols(self) -> Sequence[str]:
        """The symbol of every column."""
        return self._market.listings.symbols

    def position(self, day: date) -> int | None:
        """Return the position of a session, or None if that day is none, or lies outside the market."""
        return self._market.position(day)

    def split_count(self, basis: int) -> int:
        """Return how many splits have executed."""
        return self._market.splits.executed(basis)

    def quotes(
        self, sessions: NDArray[np.int64], columns: NDArray[np.int64], basis: int | None, elapsed: float
    ) -> Quotes:
        """Return the bars of some columns in some sessions; the last one runs until all of it has elapsed."""
        bars = self._bars(sessions, columns, basis, elapsed)
        return Quotes(
            traded=bars.traded,
            open=bars.open / SCALE,
            high=bars.high / SCALE,
            low=bars.low / SCALE,
            close=bars.close / SCALE,
            average=bars.average / SCALE,
            volume=bars.volume / SCALE,
            trades=bars.trades,
        )

    def rows(self, position: int, basis: int | None, elapsed: float, timestamp_ms: int) -> tuple[bytes, int]:
        """Return the bars of one session as rows of an answer, and their number."""
        bars = self._bars(np.array([position]), self._everything, basis, elapsed)
        return self._writer.rows(bars, timestamp_ms)

    def _bars(self, sessions: NDArray[np.int64], columns: NDArray[np.int64], basis: int | None, elapsed: float) -> Bars:
        if basis is None:
            bars = raw_bars(self._market, sessions, columns)
        else:
            bars = adjusted_bars(self._market, basis, sessions, columns)
        if elapsed == 1:
            return bars
        return running_bars(bars, np.where(sessions == sessions[-1], elapsed, 1.0)[:, None])
