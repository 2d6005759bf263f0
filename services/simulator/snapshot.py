"""The full-market snapshot: the running session of every symbol, beside the session before."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from services.simulator.quotes import Quotes
from services.simulator.vantage import Vantage

_NOTHING: Final[dict[str, float]] = {"o": 0, "h": 0, "l": 0, "c": 0, "v": 0, "vw": 0}
"""Zeros mean "no value": cleared at 03:30 New York and not traded since."""


def snapshot_rows(view: Vantage, wanted: frozenset[str] | None) -> list[dict[str, object]]:
    """Return the rows of the snapshot, for the wanted symbols or for all; symbols without either bar have none."""
    position = view.snapshot_session()
    columns = np.arange(len(view.feed.symbols))
    elapsed = view.elapsed(position)
    days = _members(view.feed.quotes(np.array([position]), columns, view.executed, elapsed), shown=elapsed > 0)
    previous = _members(view.feed.quotes(np.array([position - 1]), columns, view.executed, 1.0), shown=True)
    updated = int(view.now.timestamp()) * 1_000_000_000
    return [
        _row(symbol, day, earlier, updated)
        for symbol, day, earlier in zip(view.feed.symbols, days, previous, strict=True)
        if (wanted is None or symbol in wanted) and (day is not _NOTHING or earlier is not _NOTHING)
    ]


def _row(symbol: str, day: dict[str, float], before: dict[str, float], updated: int) -> dict[str, object]:
    change = day["c"] - before["c"] if day["c"] and before["c"] else 0.0
    return {
        "ticker": symbol,
        "todaysChangePerc": round(100 * change / before["c"], 4) if before["c"] else 0.0,
        "todaysChange": round(change, 4),
        "updated": updated if day["c"] else 0,
        "day": day,
        "prevDay": before,
    }


def _members(quotes: Quotes, *, shown: bool) -> Sequence[dict[str, float]]:
    fields = (quotes.open, quotes.high, quotes.low, quotes.close, quotes.volume, quotes.average)
    columns = [field[0].tolist() for field in fields]
    return [
        dict(zip(_NOTHING, values, strict=True)) if traded and shown else _NOTHING
        for traded, *values in zip(quotes.traded[0].tolist(), *columns, strict=True)
    ]
