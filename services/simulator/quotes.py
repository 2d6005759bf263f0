"""Bars as the vendor's answers quote them: in dollars and shares."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Quotes:
    """Bars of a grid. Axes of all arrays: (session, column); what did not trade is False in `traded`.

    Args:
        traded: whether there is a bar, bool.
        open: USD, like the other prices, float64.
        high: USD.
        low: USD.
        close: USD.
        average: volume-weighted price; 0 where the vendor leaves it out, together with `trades`.
        volume: shares, float64.
        trades: number of transactions, int64.
    """

    traded: NDArray[np.bool_]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    average: NDArray[np.float64]
    volume: NDArray[np.float64]
    trades: NDArray[np.int64]


def rows_of(quotes: Quotes, times_ms: Sequence[int]) -> list[dict[str, object]]:
    """Return the bars of one symbol as rows of an answer; `vw` and `n` are left out together."""
    traded = np.flatnonzero(quotes.traded[:, 0])
    fields = (quotes.volume, quotes.average, quotes.open, quotes.close, quotes.high, quotes.low)
    columns = [field[traded, 0].tolist() for field in fields]
    times, trades = [times_ms[position] for position in traded.tolist()], quotes.trades[traded, 0].tolist()
    rows = [
        {"v": volume, "vw": average, "o": opened, "c": close, "h": high, "l": low, "t": at, "n": count}
        for volume, average, opened, close, high, low, at, count in zip(*columns, times, trades, strict=True)
    ]
    for row in rows:
        if not row["vw"]:
            del row["vw"], row["n"]
    return rows
