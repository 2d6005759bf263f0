"""Custom bars: the daily history of one symbol."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from services.market.sessions import NEW_YORK
from services.simulator.answers import RefusalError
from services.simulator.bars import SCALE, Bars, adjusted_bars, raw_bars, running_bars
from services.simulator.market import Market
from services.simulator.paging import day_of, limit_of, page, parameters
from services.simulator.vantage import Vantage


class History:
    """Answers about one symbol.

    Args:
        market: the generated market.
    """

    def __init__(self, market: Market) -> None:
        self._columns = {symbol: column for column, symbol in enumerate(market.listings.symbols)}
        self._midnights = [_midnight_ms(session) for session in market.sessions]

    def column(self, symbol: str) -> int | None:
        """Return the column of a symbol, or None for an unknown one."""
        return self._columns.get(symbol)

    def page(self, view: Vantage, request: web.Request) -> dict[str, object]:
        """Return the members of an answer to a custom bars request, without its ids.

        Bars are stamped with midnight New York of their session. What a plan may not see yet is left out, not
        refused: that is an assumption.

        Raises:
            RefusalError: 400 for an unreadable date or another timespan than one day; 403 for a start before the
                plan's history.
        """
        path = request.match_info
        if (path["multiplier"], path["timespan"]) != ("1", "day"):
            raise RefusalError(400, "The simulated market has bars of 1 day only.")
        first, last = day_of(path["first"], "from"), day_of(path["last"], "to")
        view.plan.check_history(first, view.now)
        query = parameters(request)
        limit = limit_of(query, default=5000, maximum=50_000)
        adjusted = query.get("adjusted", "true") != "false"
        rows = self._rows(view, path["symbol"], _positions(view, first, last), adjusted=adjusted)
        if query.get("sort") == "desc":
            rows.reverse()
        shown, more = page(request, query, rows, limit)
        count = {"queryCount": len(shown), "resultsCount": len(shown), "adjusted": adjusted}
        found = {"results": shown, "count": len(shown), **more} if shown else {}
        return {**count, **found, "status": view.plan.status}

    def _rows(
        self, view: Vantage, symbol: str, sessions: NDArray[np.int64], *, adjusted: bool
    ) -> list[dict[str, object]]:
        column = self.column(symbol)
        if column is None or not len(sessions):
            return []
        times = self._midnights[int(sessions[0]) : int(sessions[-1]) + 1]
        return rows_of(_bars(view, sessions, column, adjusted=adjusted), times)


def rows_of(bars: Bars, times_ms: Sequence[int]) -> list[dict[str, object]]:
    """Return the bars of one symbol as rows of an answer; `vw` and `n` are left out together."""
    traded = np.flatnonzero(bars.traded[:, 0])
    fields = (bars.volume, bars.average, bars.open, bars.close, bars.high, bars.low)
    columns = [(field[traded, 0] / SCALE).tolist() for field in fields]
    times, trades = [times_ms[position] for position in traded.tolist()], bars.trades[traded, 0].tolist()
    rows = [
        {"v": volume, "vw": average, "o": opened, "c": close, "h": high, "l": low, "t": at, "n": count}
        for volume, average, opened, close, high, low, at, count in zip(*columns, times, trades, strict=True)
    ]
    for row in rows:
        if not row["vw"]:
            del row["vw"], row["n"]
    return rows


def _positions(view: Vantage, first: date, last: date) -> NDArray[np.int64]:
    sessions = view.market.sessions
    return np.arange(bisect_left(sessions, first), min(bisect_right(sessions, last), view.newest() + 1))


def _bars(view: Vantage, sessions: NDArray[np.int64], column: int, *, adjusted: bool) -> Bars:
    columns = np.array([column])
    if adjusted:
        bars = adjusted_bars(view.market, view.executed, sessions, columns)
    else:
        bars = raw_bars(view.market, sessions, columns)
    elapsed = view.elapsed(int(sessions[-1]))
    return bars if elapsed == 1 else running_bars(bars, np.where(sessions == sessions[-1], elapsed, 1.0)[:, None])


def _midnight_ms(session: date) -> int:
    return int(datetime.combine(session, time(0), NEW_YORK).timestamp() * 1000)
