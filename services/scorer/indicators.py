"""Indicators of one block: what the formulas of factors are written in, beside its windows."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import extremes, moving, relative, reversal, wilder
from services.scorer.windows import Windows, padded, share

Array = NDArray[np.float64]

ROUNDING_POINTS: Final = 1e-4


class Indicators(Windows):
    """Averages that remember all older sessions, and what is built of them; each is computed once.

    Arguments, shapes and NaN rule are those of `Windows`.
    """

    def ema(self, n: int) -> Array:
        """Exponential moving average of the close, seeded with the mean of the symbol's first n closes."""
        return self.once(("ema", n), lambda: moving.ema(self.fields["close"], self.first, n, 0, self.rows))

    def macd(self) -> tuple[Array, Array]:
        """MACD 12/26 and its signal 9 as TA-Lib: both averages of the line start at the symbol's 26th close."""

        def compute() -> Array:
            close, first = self.fields["close"], self.first
            line = moving.ema(close, first, 12, 14, len(close)) - moving.ema(close, first, 26, 0, len(close))
            return np.stack([line[-self.rows :], moving.ema(line, first, 9, 25, self.rows)])

        line, signal = self.once(("macd",), compute)
        return line, signal

    def trix(self, n: int) -> Array:
        """Change from session to session, a fraction, of the close averaged exponentially three times over n."""
        close, first = self.fields["close"], self.first
        once = moving.ema(close, first, n, 0, len(close))
        twice = moving.ema(once, first, n, n - 1, len(close))
        thrice = moving.ema(twice, first, n, 2 * (n - 1), self.rows + 1)
        return thrice[1:] / thrice[:-1] - 1.0

    def parabolic(self) -> Array:
        """Parabolic stop and reverse, acceleration 0.02 up to 0.2."""
        return reversal.parabolic(self.fields["high"], self.fields["low"], self.first, 0.02, 0.2, self.rows)

    def gain_loss(self, n: int) -> tuple[Array, Array]:
        """Wilder's average rise and average fall of the close."""
        gain, loss = self.once(
            ("gain_loss", n), lambda: wilder.gain_loss(self.fields["close"], self.first, n, self.rows)
        )
        return gain, loss

    def atr(self, n: int) -> Array:
        """Wilder's average true range."""
        f = self.fields
        return self.once(
            ("atr", n),
            lambda: wilder.average_true_range(f["high"], f["low"], f["close"], self.first, n, self.rows),
        )

    def directional(self, n: int) -> tuple[Array, Array, Array]:
        """Plus DI, minus DI and ADX."""
        f = self.fields
        plus, minus, adx = self.once(
            ("directional", n),
            lambda: wilder.directional(f["high"], f["low"], f["close"], self.first, n, self.rows),
        )
        return plus, minus, adx

    def stochastic(self) -> tuple[Array, Array]:
        """Slow stochastic 14, 3, 3 as TA-Lib: %K and %D, 0 to 100; a range of 0 counts as 0."""

        def compute() -> Array:
            fast = self.rows + 4  # %D averages 3 values of %K, each of which averages 3 fast ones
            top = extremes.highest(self.fields["high"], 14, fast)
            bottom = extremes.lowest(self.fields["low"], 14, fast)
            close = padded(self.fields["close"][-fast:], fast)
            k = moving.total(share(close - bottom, top - bottom), 3, self.rows + 2) / 3
            return np.stack([k[-self.rows :], self.mean(k, 3)])

        k, d = self.once(("stochastic",), compute)
        return k, d

    def stochastic_rsi(self) -> tuple[Array, Array]:
        """Stochastic 14, 3 of the RSI 14 as TA-Lib: %K, raw, and %D, its mean of 3; without a range 0.

        After a jump, or at a price that stands still, the RSI stays where it is but for its last bits: a range of
        under ROUNDING_POINTS is none.
        """

        def compute() -> Array:
            fast = self.rows + 2  # %D averages 3 values of %K
            gain, loss = wilder.gain_loss(self.fields["close"], self.first, 14, fast + 13)
            rsi = share(gain, gain + loss)
            top, bottom = extremes.highest(rsi, 14, fast), extremes.lowest(rsi, 14, fast)
            span = top - bottom
            k = share(rsi[-fast:] - bottom, np.where(span < ROUNDING_POINTS, 0.0, span))
            return np.stack([k[-self.rows :], self.mean(k, 3)])

        k, d = self.once(("stochastic_rsi",), compute)
        return k, d

    def regression(self, n: int) -> tuple[Array, Array, Array]:
        """Slope, intercept and correlation of n simple returns on those of the benchmark."""

        def compute() -> Array:
            return relative.regression(self.returns("close", n), self.returns("benchmark", n), n, self.rows)

        slope, intercept, correlation = self.once(("regression", n), compute)
        return slope, intercept, correlation
