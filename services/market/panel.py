"""The panel: bars of some symbols over some sessions, as arrays."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FIELDS = ("open", "high", "low", "close", "volume")
"""Order of the bar's values on the first axis of `Panel.bars`."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars of `symbols` over consecutive sessions, ascending, ending with as_of.

    Attributes:
        symbols: exchange symbols, without duplicates.
        session_days: (session,) int32, days since 1970-01-01, ascending.
        session_fetched: (session,) bool; False tells a hole in the store from a day without a trade.
        bars: (field, session, symbol) float64, fields as in `FIELDS`; USD and shares, split-adjusted; NaN = no bar.
        flags: (symbol,) uint32, bits of `Flag` that tell of the bars themselves; empty if no symbol has one.
    """

    symbols: tuple[str, ...]
    session_days: NDArray[np.int32]
    session_fetched: NDArray[np.bool_]
    bars: NDArray[np.float64]
    flags: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))

    def __post_init__(self) -> None:
        sessions, symbols = len(self.session_days), len(self.symbols)
        if self.flags.shape not in {(0,), (symbols,)}:
            raise ValueError(f"flags have shape {self.flags.shape}, not {(symbols,)}")
        if self.bars.shape != (len(FIELDS), sessions, symbols):
            raise ValueError(f"bars have shape {self.bars.shape}, not {(len(FIELDS), sessions, symbols)}")
        if self.session_fetched.shape != (sessions,):
            raise ValueError(f"session_fetched has shape {self.session_fetched.shape}, not {(sessions,)}")
        if sessions > 1 and not (np.diff(self.session_days) > 0).all():
            raise ValueError("session_days must ascend")
        if len(set(self.symbols)) != symbols:
            raise ValueError("symbols must be unique")

    @property
    def open(self) -> NDArray[np.float64]:
        """(session, symbol) float64, USD, split-adjusted; NaN = no bar."""
        return self._field(0)

    @property
    def high(self) -> NDArray[np.float64]:
        """(session, symbol) float64, USD, split-adjusted; NaN = no bar."""
        return self._field(1)

    @property
    def low(self) -> NDArray[np.float64]:
        """(session, symbol) float64, USD, split-adjusted; NaN = no bar."""
        return self._field(2)

    @property
    def close(self) -> NDArray[np.float64]:
        """(session, symbol) float64, USD, split-adjusted; NaN = no bar."""
        return self._field(3)

    @property
    def volume(self) -> NDArray[np.float64]:
        """(session, symbol) float64, shares, split-adjusted; NaN = no bar."""
        return self._field(4)

    def _field(self, index: int) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.bars[index]
        return values

    def __repr__(self) -> str:
        return f"Panel({len(self.symbols)} symbols x {len(self.session_days)} sessions)"
