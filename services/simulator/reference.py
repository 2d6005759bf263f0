"""The endpoints about symbols and splits: reference tickers, ticker details, splits in the new and the old form."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime

import numpy as np
from aiohttp import web

from services.market.sessions import NEW_YORK
from services.simulator.answers import REQUEST_ID, RefusalError, answer
from services.simulator.directory import Directory
from services.simulator.paging import day_of, filtered, limit_of, page, parameters
from services.simulator.splits import SplitRow


class Reference:
    """Answers about symbols and splits.

    Args:
        directory: of the symbols.
        clock: returns the present moment, aware.
    """

    def __init__(self, directory: Directory, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._clock = clock
        self._symbols, self._columns = directory.symbols, directory.columns
        self._by_ticker = np.array([column for _, column in sorted(self._columns.items())])
        self._factors = _historical_factors(directory.splits)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints; their names are the ones that calls are counted under."""
        return [
            web.get("/v3/reference/tickers", self.tickers, name="tickers"),
            web.get("/v3/reference/tickers/{symbol}", self.details, name="details"),
            web.get("/stocks/v1/splits", self.splits, name="splits"),
            web.get("/v3/reference/splits", self.old_splits, name="old_splits"),
        ]

    async def tickers(self, request: web.Request) -> web.Response:
        """Answer one page of the reference list, by ticker."""
        return await answer(request, await asyncio.to_thread(self._ticker_page, request))

    async def details(self, request: web.Request) -> web.Response:
        """Answer what is known of one symbol; 404 if there is no such symbol."""
        symbol = request.match_info["symbol"]
        column = self._columns.get(symbol)
        if column is None:
            raise RefusalError(404, "Ticker not found.")
        today = self._date(request.query)
        active = bool(self._directory.listed(today)[column])
        row = self._ticker(column, today, active=active) | {"ticker_root": symbol.split(".")[0]}
        row |= self._directory.details(column)
        return await answer(request, {"request_id": request[REQUEST_ID], "results": row, "status": "OK"})

    async def splits(self, request: web.Request) -> web.Response:
        """Answer one page of splits, future ones included, by execution date or as `sort` says."""
        query = parameters(request)
        limit = limit_of(query, default=100, maximum=5000)
        name, _, order = query.get("sort", "execution_date.asc").partition(".")
        found = self._found_splits(query, name, newest_first=order == "desc")
        shown, more = page(request, query, found, limit)
        rows = [{**self._split(row), **self._factors[row]} for row in shown]
        return await answer(request, {"results": rows, "status": "OK", "request_id": request[REQUEST_ID], **more})

    async def old_splits(self, request: web.Request) -> web.Response:
        """Answer splits in the deprecated form, the newest first unless asked otherwise."""
        query = parameters(request)
        limit = limit_of(query, default=10, maximum=1000)
        newest_first = query.get("order", "desc") != "asc"
        found = self._found_splits(query, query.get("sort", "execution_date"), newest_first=newest_first)
        shown, more = page(request, query, found, limit)
        rows = [self._split(row) for row in shown]
        return await answer(request, {"results": rows, "status": "OK", "request_id": request[REQUEST_ID], **more})

    def _date(self, query: Mapping[str, str]) -> date:
        today = self._clock().astimezone(NEW_YORK).date()
        return day_of(query["date"], "date") if "date" in query else today

    def _ticker_page(self, request: web.Request) -> dict[str, object]:
        query = parameters(request)
        limit = limit_of(query, default=100, maximum=1000)
        active, today = query.get("active", "true") != "false", self._date(query)
        there = self._directory.listed(today) if active else self._directory.delisted(today)
        found: list[int] = self._by_ticker[there[self._by_ticker]].tolist()
        found = filtered(query, "market", found, lambda _: "stocks")
        found = filtered(query, "ticker", found, lambda column: self._symbols[column])
        found = filtered(query, "type", found, self._directory.code)
        found = filtered(query, "exchange", found, self._directory.exchange)
        if query.get("order") == "desc":
            found.reverse()
        shown, more = page(request, query, found, limit)
        rows = [self._ticker(column, today, active=active) for column in shown]
        return {"results": rows, "status": "OK", "request_id": request[REQUEST_ID], "count": len(rows), **more}

    def _ticker(self, column: int, today: date, *, active: bool) -> dict[str, object]:
        row: dict[str, object] = {
            "ticker": self._symbols[column],
            "name": self._directory.name(column),
            "market": "stocks",
            "locale": "us",
            "active": active,
            "currency_name": "usd",
        }
        known = {
            "primary_exchange": self._directory.exchange(column),
            "type": self._directory.code(column),
            "cik": self._directory.company_number(column),
        }
        row |= {name: value for name, value in known.items() if value}
        if not active:
            row["delisted_utc"] = f"{self._directory.last_session(column)}T00:00:00Z"
        row["last_updated_utc"] = f"{today}T00:00:00Z"
        return row

    def _found_splits(self, query: dict[str, str], sort: str, *, newest_first: bool) -> list[SplitRow]:
        found = list(self._directory.splits)
        found = filtered(query, "ticker", found, lambda row: self._symbols[row.column])
        found = filtered(query, "execution_date", found, lambda row: str(self._directory.sessions[row.session]))
        if sort == "ticker":
            return sorted(found, key=lambda row: self._symbols[row.column], reverse=newest_first)
        return found[::-1] if newest_first else found

    def _split(self, row: SplitRow) -> dict[str, object]:
        return {
            "id": f"E{row.column:08d}{row.session:04d}{row.repeated:d}",
            "ticker": self._symbols[row.column],
            "execution_date": str(self._directory.sessions[row.session]),
            "split_from": row.ratio_from,
            "split_to": row.ratio_to,
        }


def _historical_factors(rows: tuple[SplitRow, ...]) -> dict[SplitRow, dict[str, object]]:
    """Return the members of the new form: what a price before a split is multiplied by to compare with today's."""
    later: dict[int, float] = {}
    factors: dict[SplitRow, dict[str, object]] = {}
    for row in reversed(rows):
        later[row.column] = later.get(row.column, 1.0) / row.factor
        kind = "forward_split" if row.factor > 1 else "reverse_split"
        factors[row] = {"adjustment_type": kind, "historical_adjustment_factor": float(np.round(later[row.column], 9))}
    return factors
