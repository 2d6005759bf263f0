"""The endpoints about the exchange itself: market status now, and upcoming closures."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from aiohttp import web

from services.market.sessions import LAST, NEW_YORK, close_time, is_half_day, is_session
from services.simulator.answers import answer

_OPEN: Final = time(9, 30)
_EXTENDED_FROM, _EXTENDED_TO = time(4), time(20)
_LOOK_AHEAD_DAYS: Final = 365
_HOLIDAYS: Final = {
    1: "Martin Luther King, Jr. Day",
    2: "Washington's Birthday",
    3: "Good Friday",
    4: "Good Friday",
    5: "Memorial Day",
    6: "Juneteenth",
    7: "Independence Day",
    9: "Labor Day",
    11: "Thanksgiving",
    12: "Christmas",
}


class Calendar:
    """Answers about the exchange.

    Args:
        clock: returns the present moment, aware.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints; their names are the ones that calls are counted under."""
        return [
            web.get("/v1/marketstatus/now", self.status, name="status_now"),
            web.get("/v1/marketstatus/upcoming", self.upcoming, name="upcoming"),
        ]

    async def status(self, request: web.Request) -> web.Response:
        """Answer whether the market is open now."""
        now = self._clock().astimezone(NEW_YORK)
        early, late = _extended_hours(now)
        state = "extended-hours" if early or late else "open" if _is_open(now) else "closed"
        document = {
            "afterHours": late,
            "earlyHours": early,
            "currencies": {"crypto": "open", "fx": "open" if now.weekday() < 5 else "closed"},
            "exchanges": {"nasdaq": state, "nyse": state, "otc": state},
            "market": state,
            "serverTime": now.isoformat(timespec="seconds"),
        }
        return await answer(request, document)

    async def upcoming(self, request: web.Request) -> web.Response:
        """Answer the closures and early closes of the year ahead, one row an exchange."""
        today = self._clock().astimezone(NEW_YORK).date()
        days = [today + timedelta(days=ahead) for ahead in range(1, _LOOK_AHEAD_DAYS + 1)]
        rows = [
            {**row, "exchange": exchange}
            for day in days
            if day <= LAST and (row := _exception(day)) is not None
            for exchange in ("NYSE", "NASDAQ")
        ]
        return await answer(request, rows)


def _is_open(now: datetime) -> bool:
    return is_session(now.date()) and now.time() >= _OPEN and now < close_time(now.date())


def _extended_hours(now: datetime) -> tuple[bool, bool]:
    if not is_session(now.date()):
        return False, False
    early = _EXTENDED_FROM <= now.time() < _OPEN
    return early, close_time(now.date()) <= now and now.time() < _EXTENDED_TO


def _exception(day: date) -> dict[str, object] | None:
    """Return the row of a weekday that is no whole session."""
    if day.weekday() > 4:
        return None
    name = "New Years Day" if (day.month, day.day) == (1, 1) else _HOLIDAYS.get(day.month, "Holiday")
    if not is_session(day):
        return {"date": str(day), "name": name, "status": "closed"}
    if not is_half_day(day):
        return None
    opened = datetime.combine(day, _OPEN, NEW_YORK)
    return {
        "date": str(day),
        "name": name,
        "status": "early-close",
        "open": _utc(opened),
        "close": _utc(close_time(day)),
    }


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
