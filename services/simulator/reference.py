"""The endpoints about symbols and splits: reference tickers, ticker details, splits in the new and the old form."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

import numpy as np
from aiohttp import web

from services.market.sessions import NEW_YORK
from services.simulator.answers import REQUEST_ID, RefusalError, answer
from services.simulator.companies import exchange_of, industry_of, name_of
from services.simulator.listings import KINDS
from services.simulator.market import Market
from services.simulator.paging import day_of, filtered, limit_of, page, parameters
from services.simulator.splits import SplitRow

_SHARES_PER_DOLLAR: Final = 120.0
_LISTED_BEFORE: Final = date(2010, 6, 1)
_COMPANIES: Final = frozenset({"CS", "ADRC"})


class Reference:
    """Answers about symbols and splits.

    Args:
        market: the generated market.
        clock: returns the present moment, aware.
    """

    def __init__(self, market: Market, clock: Callable[[], datetime]) -> None:
        self._market = market
        self._clock = clock
        self._listings = market.listings
        self._columns = {symbol: column for column, symbol in enumerate(market.listings.symbols)}
        del self._columns[market.listings.symbols[market.listings.unreferenced]]
        self._by_ticker = np.array([column for _, column in sorted(self._columns.items())])
        self._factors = _historical_factors(market.splits.rows)

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
        active = bool(self._market.listed(today)[column])
        listed = self._market.first_session(column) if self._listings.first[column] else _LISTED_BEFORE
        row = self._ticker(column, today, active=active) | {
            "ticker_root": symbol.split(".")[0],
            "list_date": str(listed),
        }
        if self._code(column) in _COMPANIES:
            code, description = industry_of(column, int(self._listings.sector[column]))
            row |= {"sic_code": code, "sic_description": description}
            if column % 50:
                capital = float(self._market.traits.dollars[column]) * _SHARES_PER_DOLLAR
                shares = round(capital / float(self._market.traits.start[column]))
                row |= {"market_cap": round(capital), "share_class_shares_outstanding": shares}
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
        there = self._market.listed(today) if active else self._market.delisted(today)
        found: list[int] = self._by_ticker[there[self._by_ticker]].tolist()
        found = filtered(query, "market", found, lambda _: "stocks")
        found = filtered(query, "ticker", found, lambda column: self._listings.symbols[column])
        found = filtered(query, "type", found, self._code)
        found = filtered(query, "exchange", found, lambda column: exchange_of(column, self._code(column)))
        if query.get("order") == "desc":
            found.reverse()
        shown, more = page(request, query, found, limit)
        rows = [self._ticker(column, today, active=active) for column in shown]
        return {"results": rows, "status": "OK", "request_id": request[REQUEST_ID], "count": len(rows), **more}

    def _code(self, column: int) -> str:
        return KINDS[self._listings.kind[column]].code

    def _ticker(self, column: int, today: date, *, active: bool) -> dict[str, object]:
        code = self._code(column)
        row: dict[str, object] = {
            "ticker": self._listings.symbols[column],
            "name": name_of(column, code),
            "market": "stocks",
            "locale": "us",
            "primary_exchange": exchange_of(column, code),
            "active": active,
            "currency_name": "usd",
        }
        if code:
            row["type"] = code
        if code in _COMPANIES and column % 20:
            row["cik"] = f"{9_000_000 + column:010d}"
        if not active:
            row["delisted_utc"] = f"{self._market.last_session(column)}T00:00:00Z"
        row["last_updated_utc"] = f"{today}T00:00:00Z"
        return row

    def _found_splits(self, query: dict[str, str], sort: str, *, newest_first: bool) -> list[SplitRow]:
        found = list(self._market.splits.rows)
        found = filtered(query, "ticker", found, lambda row: self._listings.symbols[row.column])
        found = filtered(query, "execution_date", found, lambda row: str(self._market.sessions[row.session]))
        if sort == "ticker":
            return sorted(found, key=lambda row: self._listings.symbols[row.column], reverse=newest_first)
        return found[::-1] if newest_first else found

    def _split(self, row: SplitRow) -> dict[str, object]:
        return {
            "id": f"E{row.column:08d}{row.session:04d}{row.repeated:d}",
            "ticker": self._listings.symbols[row.column],
            "execution_date": str(self._market.sessions[row.session]),
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
