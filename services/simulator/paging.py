"""Query parameters, comparisons and cursors of the reference endpoints."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final, TypeVar
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from services.market.sessions import NEW_YORK
from services.simulator.answers import RefusalError

Row = TypeVar("Row")

_OFFSET: Final = "offset"
_NEVER_IN_CURSOR: Final = frozenset({"apiKey", "cursor", _OFFSET})
_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "": lambda value, bound: value == bound,
    ".gt": lambda value, bound: value > bound,
    ".gte": lambda value, bound: value >= bound,
    ".lt": lambda value, bound: value < bound,
    ".lte": lambda value, bound: value <= bound,
    ".any_of": lambda value, bound: value in bound.split(","),
}


def parameters(request: web.Request) -> dict[str, str]:
    """Return the query of a request, or the one its cursor stands for; what is empty counts as absent.

    Raises:
        RefusalError: 400 for a cursor that is none of ours.
    """
    cursor = request.query.get("cursor")
    if cursor is None:
        return {name: value for name, value in request.query.items() if value and name not in _NEVER_IN_CURSOR}
    try:
        query = dict(parse_qsl(urlsafe_b64decode(cursor).decode(), strict_parsing=True))
    except (binascii.Error, ValueError):
        query = {}
    if not _is_count(query.get(_OFFSET, "")):
        raise RefusalError(400, "The cursor could not be read.")
    return query


def filtered(query: Mapping[str, str], name: str, rows: list[Row], value_of: Callable[[Row], str]) -> list[Row]:
    """Return the rows whose value satisfies every comparison that a query makes: plain, gt, gte, lt, lte, any_of."""
    for suffix, compare in _COMPARISONS.items():
        bound = query.get(name + suffix)
        if bound is not None:
            rows = [row for row in rows if compare(value_of(row), bound)]
    return rows


def day_of(text: str, name: str) -> date:
    """Return a date that is given as YYYY-MM-DD or as a Unix time in milliseconds.

    Raises:
        RefusalError: 400, naming the parameter, if it is neither.
    """
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, NEW_YORK).date()
        return date.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        words = f"Could not parse the time parameter: '{name}'. Use YYYY-MM-DD or Unix MS Timestamps"
        raise RefusalError(400, words) from None


def limit_of(query: Mapping[str, str], *, default: int, maximum: int) -> int:
    """Return the `limit` of a query.

    Raises:
        RefusalError: 400 if it is no number, or outside 1..maximum.
    """
    text = query.get("limit", str(default))
    if not _is_count(text) or not 1 <= int(text) <= maximum:
        raise RefusalError(400, f"'limit' must be a number from 1 to {maximum}")
    return int(text)


def page(
    request: web.Request, query: Mapping[str, str], rows: Sequence[Row], limit: int
) -> tuple[Sequence[Row], dict[str, str]]:
    """Cut a page out of rows.

    Returns:
        Its rows, and the `next_url` member if more follow. That address holds the cursor only: never the key.
    """
    offset = int(query.get(_OFFSET, "0"))
    following = offset + limit
    if following >= len(rows):
        return rows[offset:], {}
    state = urlencode({**query, _OFFSET: str(following)})
    cursor = urlsafe_b64encode(state.encode()).decode()
    return rows[offset:following], {"next_url": f"{request.url.origin()}{request.path}?cursor={cursor}"}


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) < 10
