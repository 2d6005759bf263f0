"""What a model is trained on: rows of features, one a symbol and session, and the returns that followed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows in the order of their sessions.

    Attributes:
        names: (feature,) `name@version` of the factor in each column.
        features: (row, feature) float32, units of the factors; NaN = missing.
        positions: (row,) int64, ascending: the row's session, counted over the sessions of the exchange.
        symbols: (row,) int64, a number for each symbol.
        returns: (row,) float64, total return from the close of the row's session over the horizon, a fraction.
        dollar_volume: (row,) float64, USD, median of 60 sessions.
        rivals: (row,) float64 by name: what a model must beat, higher = better expected; NaN = missing.
        styles: (row,) float64 by name: known styles, taken out for the style-residual; NaN = missing.
    """

    names: tuple[str, ...]
    features: NDArray[np.float32]
    positions: NDArray[np.int64]
    symbols: NDArray[np.int64]
    returns: Array
    dollar_volume: Array
    rivals: dict[str, Array]
    styles: dict[str, Array]

    def __post_init__(self) -> None:
        columns = (self.positions, self.symbols, self.returns, self.dollar_volume)
        lengths = {len(column) for column in (*columns, *self.rivals.values(), *self.styles.values())}
        if lengths != {len(self.features)} or self.features.shape[1] != len(self.names):
            raise ValueError("columns of different lengths")
        if (np.diff(self.positions) < 0).any():
            raise ValueError("rows must be in the order of their sessions")
        if not np.isfinite(self.returns).all():
            raise ValueError("a row without a return cannot be trained on")

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return f"TrainingSet({len(self)} rows x {len(self.names)} features)"

    def sessions(self) -> NDArray[np.int64]:
        """Return the positions of the sessions that have rows, ascending."""
        return np.unique(self.positions)

    def bare(self) -> Self:
        """Return the rows without their features, which only a model reads."""
        return replace(self, names=(), features=np.empty((len(self), 0), np.float32))

    def of(self, rows: NDArray[np.bool_]) -> Self:
        """Return some of the rows."""
        return type(self)(
            self.names,
            self.features[rows],
            self.positions[rows],
            self.symbols[rows],
            self.returns[rows],
            self.dollar_volume[rows],
            {name: values[rows] for name, values in self.rivals.items()},
            {name: values[rows] for name, values in self.styles.items()},
        )


def by_session(positions: NDArray[np.int64]) -> Iterator[slice]:
    """Give the rows of each session in turn; `positions` ascend."""
    edges = [0, *(np.flatnonzero(np.diff(positions)) + 1).tolist(), len(positions)]
    for begin, end in pairwise(edges):
        if end > begin:
            yield slice(begin, end)
