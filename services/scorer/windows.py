"""Windows of one block: fields of the bars, and statistics over the last n sessions of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.market.panel import FIELDS
from services.scorer.kernels import extremes, moving, shape
from services.scorer.series import Series

Array = NDArray[np.float64]


class Windows:
    """The newest sessions of a block's fields, and what is true of the n sessions up to each.

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
        self.fields: dict[str, Array] = dict(zip(FIELDS, series.bars, strict=True))
        self.fields["benchmark"] = np.ascontiguousarray(benchmark, np.float64).reshape(-1, 1)
        self.first = series.first
        self.rows = rows
        self._known: dict[tuple[object, ...], Array] = {}

    def once(self, key: tuple[object, ...], compute: Callable[[], Array]) -> Array:
        """Compute what `key` names, or give it again."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def now(self, field: str) -> Array:
        """Give a field of the bars itself."""
        return self.fields[field][-self.rows :]

    def ago(self, field: str, n: int) -> Array:
        """Give a field as it was n sessions earlier."""
        x = self.fields[field]
        end = max(0, len(x) - n)
        rows = x[max(0, end - self.rows) : end]
        return rows if len(rows) == self.rows else padded(rows, self.rows)

    def recent(self, field: str, n: int) -> Array:
        """Give the sessions of a field that windows of n sessions read: n - 1 more than rows, or all there are."""
        return self.fields[field][-(n + self.rows - 1) :]

    def returns(self, field: str, n: int) -> Array:
        """Give the simple returns from session to session that windows of n of them read."""
        x = self.recent(field, n + 1)
        return x[1:] / x[:-1] - 1.0

    def before(self, field: str, n: int) -> Array:
        """Give, for each session of `recent`, the field as it was one session earlier."""
        x = self.recent(field, n + 1)
        return x[:-1] if len(x) == n + self.rows else padded(x[:-1], len(x))

    def typical(self, n: int) -> Array:
        """Give (high + low + close) / 3 of the sessions that windows of n sessions read."""
        return (self.recent("high", n) + self.recent("low", n) + self.recent("close", n)) / 3.0

    def total(self, x: Array, n: int) -> Array:
        """Sum the last n sessions of `x`, an array made from `recent`."""
        return moving.total(x, n, self.rows)

    def mean(self, x: Array, n: int) -> Array:
        """Average the last n sessions of `x`."""
        return moving.total(x, n, self.rows) / n

    def deviation(self, x: Array, n: int, ddof: int) -> Array:
        """Standard deviation of the last n sessions of `x`, over n - ddof."""
        return moving.deviation(x, n, ddof, self.rows)

    def mean_distance(self, x: Array, n: int) -> tuple[Array, Array]:
        """Distance of the last value of `x` from the mean of the last n, and their mean absolute distance from it."""
        distance, spread = moving.mean_distance(x, n, self.rows)
        return distance, spread

    def slope(self, x: Array, n: int) -> Array:
        """Least-squares slope per session over the last n sessions of `x`."""
        return moving.slope(x, n, self.rows)

    def skewness(self, x: Array, n: int) -> Array:
        """Sample skewness of the last n sessions of `x`, adjusted for n."""
        return shape.skewness(x, n, self.rows)

    def straightness(self, x: Array, n: int) -> Array:
        """Share of the variance of the last n sessions of `x` that lies on their least-squares line."""
        return shape.straightness(x, n, self.rows)

    def cumulated_slope(self, flow: Array, n: int) -> Array:
        """Least-squares slope per session over the last n values of the running sum of `flow`."""
        return shape.cumulated_slope(flow, n, self.rows)

    def sma(self, n: int, field: str = "close") -> Array:
        """Simple moving average."""
        return self.once(("sma", n, field), lambda: self.mean(self.recent(field, n), n))

    def smas(self, n: int, count: int) -> Array:
        """Give the simple moving averages of the close that windows of `count` of them read."""
        rows = self.rows + count - 1
        return moving.total(self.recent("close", n + count - 1), n, rows) / n

    def log_range(self, n: int) -> Array:
        """Give ln(high / low) of the sessions that windows of n sessions read."""
        return shape.log_range(self.recent("high", n), self.recent("low", n))

    def volatility(self, n: int) -> Array:
        """Standard deviation (ddof 1) of n simple returns, a year: times the root of 252."""
        return self.once(("volatility", n), lambda: self.deviation(self.returns("close", n), n, 1) * np.sqrt(252.0))

    def highest_of(self, x: Array, n: int) -> Array:
        """Largest value of `x` over n sessions."""
        return extremes.highest(x, n, self.rows)

    def lowest_of(self, x: Array, n: int) -> Array:
        """Smallest value of `x` over n sessions."""
        return extremes.lowest(x, n, self.rows)

    def highest(self, field: str, n: int) -> Array:
        """Largest value of a field over n sessions."""
        return self.once(("highest", field, n), lambda: self.highest_of(self.recent(field, n), n))

    def lowest(self, field: str, n: int) -> Array:
        """Smallest value of a field over n sessions."""
        return self.once(("lowest", field, n), lambda: self.lowest_of(self.recent(field, n), n))

    def since_highest(self, x: Array, n: int) -> Array:
        """Sessions since the largest value of `x` within n sessions, 0 = as_of; the latest of equals counts."""
        return extremes.since_highest(x, n, self.rows)

    def drawdown(self, n: int) -> Array:
        """Deepest fall of the close below its highest so far within n sessions, <= 0."""
        return extremes.drawdown(self.recent("close", n), n, self.rows)


def share(part: Array, whole: Array) -> Array:
    """Give 100 x part / whole, and 0 where the whole is 0, as TA-Lib does; NaN stays NaN."""
    return np.where(whole == 0.0, 0.0, 100.0 * (part / whole))


def padded(x: Array, rows: int) -> Array:
    """Put sessions of NaN before `x` until it has so many rows."""
    missing = np.full((rows - len(x), x.shape[1]), np.nan)
    return np.concatenate([missing, x])
