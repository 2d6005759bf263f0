"""Indicators of one block: what the formulas of factors are written in."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.market.panel import FIELDS
from services.scorer.kernels import extremes, moving, relative, wilder
from services.scorer.series import Series

Array = NDArray[np.float64]


class Indicators:
    """The newest sessions of indicators over a block; each is computed once.

    Every method gives (row, symbol) float64 for the newest `rows` sessions, the last row being as_of: one row is what a
    scan needs, as many as there are sessions is the history. What has too little history is NaN. Between kernels only
    elementwise arithmetic is used, whose bits do not depend on the width of the block.

    Args:
        series: carried bars.
        benchmark: (session,) float64, the benchmark's carried closes over the same sessions; None: it has none.
        rows: newest sessions to give.

    Raises:
        ValueError: the benchmark has other sessions than the series.
    """

    def __init__(self, series: Series, benchmark: Array | None = None, rows: int = 1) -> None:
        sessions = series.bars.shape[1]
        if benchmark is None:
            benchmark = np.full(sessions, np.nan)
        if benchmark.shape != (sessions,):
            raise ValueError(f"the benchmark has shape {benchmark.shape}, not {(sessions,)}")
        self._fields: dict[str, Array] = dict(zip(FIELDS, series.bars, strict=True))
        self._fields["benchmark"] = np.ascontiguousarray(benchmark, np.float64).reshape(-1, 1)
        self._first = series.first
        self._rows = rows
        self._known: dict[tuple[object, ...], Array] = {}

    def _once(self, key: tuple[object, ...], compute: Callable[[], Array]) -> Array:
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def now(self, field: str) -> Array:
        """Give a field of the bars itself."""
        return self._fields[field][-self._rows :]

    def ago(self, field: str, n: int) -> Array:
        """Give a field as it was n sessions earlier."""
        x = self._fields[field]
        end = max(0, len(x) - n)
        rows = x[max(0, end - self._rows) : end]
        return rows if len(rows) == self._rows else _padded(rows, self._rows)

    def recent(self, field: str, n: int) -> Array:
        """Give the sessions of a field that windows of n sessions read: n - 1 more than rows, or all there are."""
        return self._fields[field][-(n + self._rows - 1) :]

    def returns(self, field: str, n: int) -> Array:
        """Give the simple returns from session to session that windows of n of them read."""
        x = self.recent(field, n + 1)
        return x[1:] / x[:-1] - 1.0

    def typical(self, n: int) -> Array:
        """Give (high + low + close) / 3 of the sessions that windows of n sessions read."""
        return (self.recent("high", n) + self.recent("low", n) + self.recent("close", n)) / 3.0

    def total(self, x: Array, n: int) -> Array:
        """Sum the last n sessions of `x`, an array made from `recent`."""
        return moving.total(x, n, self._rows)

    def mean(self, x: Array, n: int) -> Array:
        """Average the last n sessions of `x`."""
        return moving.total(x, n, self._rows) / n

    def deviation(self, x: Array, n: int, ddof: int) -> Array:
        """Standard deviation of the last n sessions of `x`, over n - ddof."""
        return moving.deviation(x, n, ddof, self._rows)

    def mean_distance(self, x: Array, n: int) -> tuple[Array, Array]:
        """Distance of the last value of `x` from the mean of the last n, and their mean absolute distance from it."""
        distance, spread = moving.mean_distance(x, n, self._rows)
        return distance, spread

    def slope(self, x: Array, n: int) -> Array:
        """Least-squares slope per session over the last n sessions of `x`."""
        return moving.slope(x, n, self._rows)

    def sma(self, n: int, field: str = "close") -> Array:
        """Simple moving average."""
        return self._once(("sma", n, field), lambda: self.mean(self.recent(field, n), n))

    def ema(self, n: int) -> Array:
        """Exponential moving average of the close, seeded with the mean of the symbol's first n closes."""
        return self._once(("ema", n), lambda: moving.ema(self._fields["close"], self._first, n, 0, self._rows))

    def macd(self) -> tuple[Array, Array]:
        """MACD 12/26 and its signal 9 as TA-Lib: both averages of the line start at the symbol's 26th close."""

        def compute() -> Array:
            close, first = self._fields["close"], self._first
            line = moving.ema(close, first, 12, 14, len(close)) - moving.ema(close, first, 26, 0, len(close))
            return np.stack([line[-self._rows :], moving.ema(line, first, 9, 25, self._rows)])

        line, signal = self._once(("macd",), compute)
        return line, signal

    def gain_loss(self, n: int) -> tuple[Array, Array]:
        """Wilder's average rise and average fall of the close."""
        gain, loss = self._once(
            ("gain_loss", n), lambda: wilder.gain_loss(self._fields["close"], self._first, n, self._rows)
        )
        return gain, loss

    def atr(self, n: int) -> Array:
        """Wilder's average true range."""
        f = self._fields
        return self._once(
            ("atr", n),
            lambda: wilder.average_true_range(f["high"], f["low"], f["close"], self._first, n, self._rows),
        )

    def directional(self, n: int) -> tuple[Array, Array, Array]:
        """Plus DI, minus DI and ADX."""
        f = self._fields
        plus, minus, adx = self._once(
            ("directional", n),
            lambda: wilder.directional(f["high"], f["low"], f["close"], self._first, n, self._rows),
        )
        return plus, minus, adx

    def volatility(self, n: int) -> Array:
        """Standard deviation (ddof 1) of n simple returns, a year: times the root of 252."""
        return self._once(("volatility", n), lambda: self.deviation(self.returns("close", n), n, 1) * np.sqrt(252.0))

    def highest(self, field: str, n: int) -> Array:
        """Largest value of a field over n sessions."""
        return self._once(("highest", field, n), lambda: extremes.highest(self.recent(field, n), n, self._rows))

    def lowest(self, field: str, n: int) -> Array:
        """Smallest value of a field over n sessions."""
        return self._once(("lowest", field, n), lambda: extremes.lowest(self.recent(field, n), n, self._rows))

    def drawdown(self, n: int) -> Array:
        """Deepest fall of the close below its highest so far within n sessions, <= 0."""
        return extremes.drawdown(self.recent("close", n), n, self._rows)

    def stochastic(self) -> tuple[Array, Array]:
        """Slow stochastic 14, 3, 3 as TA-Lib: %K and %D, 0 to 100; a range of 0 counts as 0."""

        def compute() -> Array:
            fast = self._rows + 4  # %D averages 3 values of %K, each of which averages 3 fast ones
            top = extremes.highest(self._fields["high"], 14, fast)
            bottom = extremes.lowest(self._fields["low"], 14, fast)
            close = _padded(self._fields["close"][-fast:], fast)
            k = moving.total(share(close - bottom, top - bottom), 3, self._rows + 2) / 3
            return np.stack([k[-self._rows :], self.mean(k, 3)])

        k, d = self._once(("stochastic",), compute)
        return k, d

    def regression(self, n: int) -> tuple[Array, Array, Array]:
        """Slope, intercept and correlation of n simple returns on those of the benchmark."""

        def compute() -> Array:
            return relative.regression(self.returns("close", n), self.returns("benchmark", n), n, self._rows)

        slope, intercept, correlation = self._once(("regression", n), compute)
        return slope, intercept, correlation


def share(part: Array, whole: Array) -> Array:
    """Give 100 x part / whole, and 0 where the whole is 0, as TA-Lib does; NaN stays NaN."""
    return np.where(whole == 0.0, 0.0, 100.0 * (part / whole))


def _padded(x: Array, rows: int) -> Array:
    missing = np.full((rows - len(x), x.shape[1]), np.nan)
    return np.concatenate([missing, x])
