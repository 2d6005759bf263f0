"""Custom bars: the daily history of one symbol."""

from bisect import bisect_left, bisect_right
from datetime import date, datetime, time

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from services.market.sessions import NEW_YORK
from services.simulator.answers import RefusalError
from services.simulator.feed import Feed
from services.simulator.paging import day_of, limit_of, page, parameters
from services.simulator.quotes import rows_of
from services.simulator.vantage import Vantage


class History:
    """Answers about one symbol.

    Args:
        feed: the bars.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._columns = {symbol: column for column, symbol in enumerate(feed.symbols)}
        self._midnights = [_midnight_ms(session) for session in feed.sessions]

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
        basis = view.executed if adjusted else None
        return rows_of(self._feed.quotes(sessions, np.array([column]), basis, view.elapsed(int(sessions[-1]))), times)


def _positions(view: Vantage, first: date, last: date) -> NDArray[np.int64]:
    sessions = view.feed.sessions
    return np.arange(bisect_left(sessions, first), min(bisect_right(sessions, last), view.newest() + 1))


def _midnight_ms(session: date) -> int:
    return int(datetime.combine(session, time(0), NEW_YORK).timestamp() * 1000)
