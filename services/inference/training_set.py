"""What a model is trained on: rows of features, one a symbol and session, and the returns that followed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Key = TypeVar("Key")
Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows in the order of their sessions.

    Attributes:
        names: (feature,) `name@version` of the factor in each column.
        features: (row, feature) float32, units of the factors; NaN = missing.
        positions: (row,) int64, ascending: the row's session, counted over the sessions of the exchange.
        symbols: (row,) int64, a number for each symbol.
        returns: (row,) float64, total return from the close of the row's session over the horizon, a fraction.
        neutral: (row,) float64, the same return less beta times that of the market.
        later: (row,) float64 by sessions, the return over other horizons; NaN = not known.
        slices: (row,) bool by name: parts of the universe that are looked at apart.
        rivals: (row,) float64 by name: what a model must beat, higher = better expected; NaN = missing.
        styles: (row,) float64 by name: known styles, taken out for the style-residual; NaN = missing.
    """

    names: tuple[str, ...]
    features: NDArray[np.float32]
    positions: NDArray[np.int64]
    symbols: NDArray[np.int64]
    returns: Array
    neutral: Array
    later: dict[int, Array]
    slices: dict[str, NDArray[np.bool_]]
    rivals: dict[str, Array]
    styles: dict[str, Array]

    def __post_init__(self) -> None:
        columns = (self.positions, self.symbols, self.returns, self.neutral)
        named = (self.later, self.slices, self.rivals, self.styles)
        lengths = {len(column) for column in (*columns, *(it for columns in named for it in columns.values()))}
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

        def cut(columns: dict[Key, NDArray[Value]]) -> dict[Key, NDArray[Value]]:
            return {name: values[rows] for name, values in columns.items()}

        return replace(
            self,
            features=self.features[rows],
            positions=self.positions[rows],
            symbols=self.symbols[rows],
            returns=self.returns[rows],
            neutral=self.neutral[rows],
            later=cut(self.later),
            slices=cut(self.slices),
            rivals=cut(self.rivals),
            styles=cut(self.styles),
        )


def by_session(positions: NDArray[np.int64]) -> Iterator[slice]:
    """Give the rows of each session in turn; `positions` ascend."""
    edges = [0, *(np.flatnonzero(np.diff(positions)) + 1).tolist(), len(positions)]
    for begin, end in pairwise(edges):
        if end > begin:
            yield slice(begin, end)
