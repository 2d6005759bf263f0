"""Splits of the generated market, and the factors that the vendor's adjusted answers apply."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.simulator.listings import Listings

_FORWARD: Final = ((1.0, 2.0), (1.0, 3.0), (2.0, 3.0), (1.0, 4.0), (1.0, 5.0), (1.0, 10.0))
_REVERSE: Final = ((10.0, 1.0), (20.0, 1.0), (8.0, 1.0), (5.0, 1.0), (15.0, 1.0))


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One row of the vendor's splits answer: `ratio_from` old shares became `ratio_to` new ones.

    Args:
        session: position of the execution date; its bars are the first on the new basis.
        column: of the symbol.
        ratio_from: old shares.
        ratio_to: new shares.
        repeated: this row says once more what another row says. The market does not split twice, but the vendor's
            adjusted answers do.
    """

    session: int
    column: int
    ratio_from: float
    ratio_to: float
    repeated: bool = False

    @property
    def factor(self) -> float:
        """New shares per old share."""
        return self.ratio_to / self.ratio_from


class SplitBook:
    """All splits of a market: `rows`, by session ascending, and what they do to prices.

    In the methods `sessions` and `columns` are the positions, ascending, along the axes of a grid.
    """

    def __init__(self, rows: tuple[SplitRow, ...]) -> None:
        self.rows = rows
        self._session = np.array([row.session for row in rows])
        self._column = np.array([row.column for row in rows])
        self._factor = np.array([row.factor for row in rows])
        self._traded_factor = np.array([1.0 if row.repeated else row.factor for row in rows])

    def executed(self, session: int) -> int:
        """Return how many rows have executed when a session opens."""
        return int(np.searchsorted(self._session, session, side="right"))

    def rebase(self, path: NDArray[np.float32]) -> None:
        """Turn prices of the first session's basis into those that were traded, in place; (session, column)."""
        for session, column, factor in zip(self._session, self._column, self._traded_factor, strict=True):
            path[session:, column] /= factor

    def previous_basis(self, sessions: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what a close of the session before is multiplied by to compare with a session, (session, column)."""
        scale = np.ones((len(sessions), len(columns)))
        rows, at = self._within(columns)
        opened = sessions[:, None] == self._session[rows]
        np.divide.at(scale.T, at, np.where(opened, self._traded_factor[rows], 1.0).T)
        return scale

    def adjustment(self, executed: int, sessions: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the factor of the vendor's adjusted answers, (session, column): prices over it, volumes times it.

        A row that is listed twice counts twice, as it does at the vendor. Rows count if they executed up to and
        including the session at `executed`.
        """
        factor = np.ones((len(sessions), len(columns)))
        rows, at = self._within(columns)
        counts = (sessions[:, None] < self._session[rows]) & (self._session[rows] <= executed)
        np.multiply.at(factor.T, at, np.where(counts, self._factor[rows], 1.0).T)
        return factor

    def _within(self, columns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows whose column is in the grid, and where in the grid that column is."""
        at = np.minimum(np.searchsorted(columns, self._column), len(columns) - 1)
        rows = np.flatnonzero(columns[at] == self._column)
        return rows, at[rows]


def plan_splits(seed: int, listings: Listings, path: NDArray[np.float32], horizon: int) -> SplitBook:
    """Choose which common stocks split, when, and how: the dear ones forward, the cheap ones in reverse.

    The first forward split lies in the future, inside the horizon; the second one lies 150 sessions before the horizon
    and is listed twice.
    """
    rng = np.random.Generator(np.random.PCG64([seed, 5]))
    sessions = len(path)
    stocks = listings.lasting_stocks
    when = rng.integers(5, sessions, len(stocks))
    by_price = np.argsort(path[when, stocks], kind="stable")
    forward, reverse = max(3, len(stocks) // 50), max(3, len(stocks) // 16)
    dates = dict(zip(stocks.tolist(), when.tolist(), strict=True))
    dearest = stocks[by_price[::-1][:forward]].tolist()
    dates[dearest[0]] = sessions - horizon + 2
    dates[dearest[1]] = sessions - horizon - 150
    rows = [SplitRow(dates[column], column, *_FORWARD[rng.integers(len(_FORWARD))]) for column in dearest]
    cheapest = stocks[by_price[:reverse]].tolist()
    rows += [SplitRow(dates[column], column, *_REVERSE[rng.integers(len(_REVERSE))]) for column in cheapest]
    rows.append(replace(rows[1], repeated=True))
    return SplitBook(tuple(sorted(rows, key=lambda row: (row.session, row.column))))
