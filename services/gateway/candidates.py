"""All symbols that a scan scored, as columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """All symbols scored in a scan, in symbol order: the order in which sums are taken.

    Attributes:
        symbols: (symbol,) ascending.
        types: (symbol,) int, numbers of `SymbolType`.
        market_caps: (symbol,) float64, USD; NaN = unknown.
        columns: those of factors, sub-scores and tech_rating that are read, by name, each (symbol,) float64; NaN =
            undefined.
        flags: (symbol,) uint32, bits of `Flag` that the scorer set.
        alphas: predicted return by role (alpha_5, alpha_10), (symbol,) float64, fractions; empty without models.
        exchanges: (symbol,) as the source names them; "" = unknown. Empty where nothing reads them.
        sectors: as exchanges.
        industries: as exchanges.
    """

    symbols: tuple[str, ...]
    types: NDArray[np.int64]
    market_caps: Floats
    columns: dict[str, Floats]
    flags: NDArray[np.uint32]
    alphas: dict[str, Floats]
    exchanges: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the symbols, exchanges, sectors or industries."""
        texts = {"symbol": self.symbols, "exchange": self.exchanges, "sector": self.sectors}
        return texts.get(name, self.industries)

    def number(self, name: str) -> Floats:
        """Return a column, an alpha or the market caps, (symbol,) float64; all NaN if there is none of that name."""
        if name == "market_cap":
            return self.market_caps
        found = self.columns.get(name, self.alphas.get(name))
        return np.full(len(self.symbols), np.nan) if found is None else found
