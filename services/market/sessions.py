"""The trading calendar of the New York Stock Exchange (XNYS), as pure functions over one table.

A session is labelled by its New York date. On the wire and in arrays it is an int32 "session day": days since
1970-01-01. Every function raises ValueError, naming the range, for a day outside FIRST..LAST.
"""

from bisect import bisect_left, bisect_right
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.market.closures import CLOSURES, EARLY_CLOSES, FIRST, LAST

__all__ = [
    "FIRST",
    "LAST",
    "NEW_YORK",
    "OPEN",
    "close_time",
    "from_day_number",
    "is_half_day",
    "is_session",
    "last_completed",
    "nearest_session",
    "next_session",
    "sessions_between",
    "sessions_ending",
    "to_day_number",
]

NEW_YORK: Final = ZoneInfo("America/New_York")
_EPOCH: Final = date(1970, 1, 1).toordinal()
OPEN: Final = time(9, 30)
"""When regular trading begins, New York time."""
_FULL_CLOSE: Final = time(16)
_EARLY_CLOSE: Final = time(13)


def _listed(table: dict[int, str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(f"{year}-{day}") for year, days in table.items() for day in days.split())


def _all_sessions() -> tuple[date, ...]:
    closed = _listed(CLOSURES)
    days = map(date.fromordinal, range(FIRST.toordinal(), LAST.toordinal() + 1))
    return tuple(day for day in days if day.weekday() < 5 and day not in closed)


_HALF_DAYS: Final = _listed(EARLY_CLOSES)
_SESSIONS: Final = _all_sessions()


def is_session(day: date) -> bool:
    """Tell whether the exchange trades on a day."""
    return nearest_session(day) == day


def nearest_session(day: date) -> date:
    """Return the day itself if it is a session, else the session before it."""
    return _SESSIONS[_position(day)]


def next_session(day: date) -> date:
    """Return the first session after a day, be that day a session or not."""
    following = _position(day) + 1
    if following == len(_SESSIONS):
        raise ValueError(f"no session after {day} in the calendar, which covers {FIRST}..{LAST}")
    return _SESSIONS[following]


def sessions_ending(as_of: date, count: int) -> tuple[date, ...]:
    """Return the last `count` sessions up to and including `as_of`, ascending.

    Raises:
        ValueError: `as_of` is no session, `count` is below 1, or the calendar has fewer sessions before it.
    """
    end = _position(as_of) + 1
    if _SESSIONS[end - 1] != as_of:
        raise ValueError(f"{as_of} is not a session of the exchange")
    if not 1 <= count <= end:
        raise ValueError(f"{count} sessions ending {as_of} were asked for; the calendar {FIRST}..{LAST} has {end}")
    return _SESSIONS[end - count : end]


def sessions_between(first: date, last: date) -> tuple[date, ...]:
    """Return the sessions from `first` to `last`, both included, ascending; empty if there are none."""
    _check(first)
    _check(last)
    return _SESSIONS[bisect_left(_SESSIONS, first) : bisect_right(_SESSIONS, last)]


def is_half_day(session: date) -> bool:
    """Tell whether a session ends at 13:00 New York time."""
    _check(session)
    return session in _HALF_DAYS


def close_time(session: date) -> datetime:
    """Return the end of regular trading of a session, as an aware New York time.

    Raises:
        ValueError: the day is no session.
    """
    if not is_session(session):
        raise ValueError(f"{session} is not a session of the exchange")
    return datetime.combine(session, _EARLY_CLOSE if session in _HALF_DAYS else _FULL_CLOSE, NEW_YORK)


def last_completed(now: datetime) -> date:
    """Return the newest session whose close is not after `now`.

    Raises:
        ValueError: `now` carries no time zone, or lies outside the calendar.
    """
    if now.tzinfo is None:
        raise ValueError(f"{now} carries no time zone")
    session = nearest_session(now.astimezone(NEW_YORK).date())
    return session if close_time(session) <= now else nearest_session(session - timedelta(days=1))


def to_day_number(day: date) -> int:
    """Return a date as days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def from_day_number(number: int) -> date:
    """Return the date that lies `number` days after 1970-01-01."""
    return date.fromordinal(number + _EPOCH)


def _position(day: date) -> int:
    _check(day)
    return bisect_right(_SESSIONS, day) - 1


def _check(day: date) -> None:
    if not FIRST <= day <= LAST:
        raise ValueError(f"{day} lies outside the trading calendar, which covers {FIRST}..{LAST}")
