"""The full-market snapshot: the running session of every symbol, beside the session before."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from services.simulator.bars import SCALE, Bars, adjusted_bars, running_bars
from services.simulator.vantage import Vantage

_NOTHING: Final[dict[str, float]] = {"o": 0, "h": 0, "l": 0, "c": 0, "v": 0, "vw": 0}
"""Zeros mean "no value": cleared at 03:30 New York and not traded since."""


def snapshot_rows(view: Vantage, wanted: frozenset[str] | None) -> list[dict[str, object]]:
    """Return the rows of the snapshot, for the wanted symbols or for all; symbols without either bar have none."""
    position = view.snapshot_session()
    columns = np.arange(len(view.market.listings.symbols))
    today = adjusted_bars(view.market, view.executed, np.array([position]), columns)
    before = adjusted_bars(view.market, view.executed, np.array([position - 1]), columns)
    elapsed = view.elapsed(position)
    days = _members(running_bars(today, elapsed), shown=elapsed > 0)
    previous = _members(before, shown=True)
    updated = int(view.now.timestamp()) * 1_000_000_000
    return [
        _row(symbol, day, earlier, updated)
        for symbol, day, earlier in zip(view.market.listings.symbols, days, previous, strict=True)
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


def _members(bars: Bars, *, shown: bool) -> Sequence[dict[str, float]]:
    fields = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.average)
    columns = [(field[0] / SCALE).tolist() for field in fields]
    return [
        dict(zip(_NOTHING, values, strict=True)) if traded and shown else _NOTHING
        for traded, *values in zip(bars.traded[0].tolist(), *columns, strict=True)
    ]
