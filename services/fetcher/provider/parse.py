"""Pure parsing of the provider's answers, but for grouped daily bars, which `provider.decode` reads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.fetcher.provider.scanner import TIME, VALUES, scan
from services.fetcher.provider.validity import valid_bars
from services.fetcher.source import Details, Listing, SessionBars, SymbolBars
from services.fetcher.symbols import SymbolIndex, is_symbol
from services.market.adjust import Split
from services.market.errors import MalformedAnswerError
from services.market.sessions import to_day_number
from services.market.universe import type_of

_DAY_MS: Final = 86_400_000
_BAR_BYTES: Final = 40  # fewer than a whole bar has
_NO_SYMBOLS: Final = tuple(SymbolIndex().table)
_TEXT_LIMIT: Final = 200
_MOST_SHARES: Final = 1e13  # a hundred times as many as any company has
_INDUSTRY: Final = re.compile(r"[0-9]{3,4}")
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Row = TypeVar("Row")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RawBars:
    """Bars as the provider sends them: (value, row) float64 in the order of `scanner.OPEN` to `scanner.TIME`."""

    values: NDArray[np.float64]


class RawBar(msgspec.Struct):
    """One bar as the provider spells it; `t` is midnight in New York, milliseconds since 1970."""

    o: float
    h: float
    l: float  # noqa: E741 - the provider's name
    c: float
    v: float
    t: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _RawListing(msgspec.Struct):
    ticker: str
    name: str | None = None
    type: str | None = None
    primary_exchange: str | None = None


class _RawSplit(msgspec.Struct):
    ticker: str
    execution_date: str
    split_from: float
    split_to: float


class _RawPage(msgspec.Struct, Generic[Row]):
    # Absent means that there are none; null is a fault of the provider that asking again cures.
    results: list[Row] = []
    next_url: str | None = None


class _RawDetails(msgspec.Struct):
    ticker: str
    type: str | None = None
    primary_exchange: str | None = None
    sic_code: str | None = None
    weighted_shares_outstanding: float | None = None
    share_class_shares_outstanding: float | None = None


class _RawDetailsAnswer(msgspec.Struct):
    results: _RawDetails


class _RawDay(msgspec.Struct):
    # Zeros mean that there is no value.
    o: float = 0.0
    h: float = 0.0
    l: float = 0.0  # noqa: E741 - the provider's name
    c: float = 0.0
    v: float = 0.0


class _RawSnapshot(msgspec.Struct):
    ticker: str
    day: _RawDay | None = None


class _RawSnapshots(msgspec.Struct):
    tickers: list[_RawSnapshot]


class _RawError(msgspec.Struct):
    error: str | None = None
    message: str | None = None


_BARS: Final = msgspec.json.Decoder(_RawPage[RawBar])
_LISTINGS: Final = msgspec.json.Decoder(_RawPage[_RawListing])
_SPLITS: Final = msgspec.json.Decoder(_RawPage[_RawSplit])
_DETAILS: Final = msgspec.json.Decoder(_RawDetailsAnswer)
_SNAPSHOTS: Final = msgspec.json.Decoder(_RawSnapshots)
_ERROR: Final = msgspec.json.Decoder(_RawError)


_NO_DAY: Final = _RawDay()


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of an answer.

    Attributes:
        rows: what was asked for.
        following: path and query of the next page; empty for the last one.
        refused_count: rows that were sent but say nothing that can be used.
    """

    rows: tuple[Row, ...]
    following: str
    refused_count: int = 0


def parse_listings(body: bytes) -> Page[Listing]:
    """Parse one page of /v3/reference/tickers, which knows neither sector nor market cap."""
    page = _decode(_LISTINGS, body, "reference list")
    rows = tuple(
        Listing(
            symbol=raw.ticker,
            name=raw.name or "",
            type=type_of(raw.type or "", raw.ticker),
            exchange=raw.primary_exchange or "",
            sector="",
            market_cap=float("nan"),
        )
        for raw in page.results
        if is_symbol(raw.ticker)
    )
    return Page(rows, following(page.next_url), len(page.results) - len(rows))


def parse_splits(body: bytes) -> Page[Split]:
    """Parse one page of /stocks/v1/splits; rows without a date or a ratio are refused."""
    page = _decode(_SPLITS, body, "list of splits")
    rows = tuple(split for split in map(_split, page.results) if split is not None)
    return Page(rows, following(page.next_url), len(page.results) - len(rows))


def parse_bars(body: bytes) -> Page[RawBars]:
    """Parse one page of /v2/aggs/ticker; all its bars are one row."""
    values, link = _scanned(body), None
    if values is None:
        page = _decode(_BARS, body, "list of bars")
        values, link = columns_of(page.results).values, page.next_url
    return Page((RawBars(values),) if values.shape[1] else (), following(link))


def columns_of(rows: Sequence[RawBar]) -> RawBars:
    """Turn bars that a parser read into columns."""
    values = np.array([(row.o, row.h, row.l, row.c, row.v, row.t) for row in rows], np.float64)
    return RawBars(values.reshape(-1, VALUES).T)


def _scanned(body: bytes) -> NDArray[np.float64] | None:
    """Return the bars of a page without a next one, as `RawBars.values`; None if only a parser can tell."""
    if b"next_url" in body:
        return None
    room = len(body) // _BAR_BYTES + 1
    values = np.empty((VALUES, room))
    out = values, np.empty(room, np.int32), np.empty((2, room), np.int64)
    count = scan(np.frombuffer(body, np.uint8), _NO_SYMBOLS, out)
    # A bar that lacks a value makes the page malformed, which the parser says.
    return None if count < 0 or np.isnan(values[:, :count].sum()) else values[:, :count]


def parse_details(body: bytes, symbol: str) -> Details:
    """Parse /v3/reference/tickers/{T}; shares of all classes where the provider tells them, else of this class.

    A share count, an industry or an exchange that cannot be one is unknown.

    Raises:
        MalformedAnswerError: not a description, or that of another symbol.
    """
    raw = _decode(_DETAILS, body, "description of a symbol").results
    if raw.ticker != symbol:
        raise MalformedAnswerError(f"The provider described another symbol than {symbol}")
    counts = (raw.weighted_shares_outstanding, raw.share_class_shares_outstanding)
    exchange, industry = raw.primary_exchange or "", raw.sic_code or ""
    return Details(
        symbol=symbol,
        type=type_of(raw.type or "", symbol),
        exchange=exchange if is_symbol(exchange) else "",
        sic_code=industry if _INDUSTRY.fullmatch(industry) else "",
        shares=next((count for count in counts if count is not None and 0 < count <= _MOST_SHARES), float("nan")),
    )


def parse_snapshot(body: bytes, session: date, index: SymbolIndex) -> SessionBars:
    """Parse the snapshot of the whole market into the bars so far of the running session.

    A symbol without a trade yet has zeros, and no bar; what has values but is no bar is refused and counted. Symbols of
    bars get a column in `index`; of two rows of a symbol the last one counts.
    """
    found = _decode(_SNAPSHOTS, body, "snapshot of the market").tickers
    days = {
        row.ticker: row.day for row in found if row.day is not None and row.day != _NO_DAY and is_symbol(row.ticker)
    }
    values = np.array([(day.o, day.h, day.l, day.c, day.v) for day in days.values()], np.float64).reshape(-1, 5).T
    good = valid_bars(values)
    symbols = [symbol for symbol, kept in zip(days, good.tolist(), strict=True) if kept]
    return SessionBars(session, index.add(symbols), np.ascontiguousarray(values[:, good]), int((~good).sum()))


def symbol_bars(symbol: str, parts: Sequence[RawBars], first: date, last: date) -> SymbolBars:
    """Turn one symbol's bars into arrays, ascending; of two bars of a day the last one sent counts.

    What is no bar, lies outside first..last or comes twice is refused and counted.
    """
    rows = np.concatenate([part.values for part in parts], axis=1) if parts else np.empty((VALUES, 0))
    # Midnight in New York is 04:00 or 05:00 UTC of the same date.
    values, days = rows[:TIME], rows[TIME].astype(np.int64) // _DAY_MS
    usable = valid_bars(values) & (days >= to_day_number(first)) & (days <= to_day_number(last))
    if usable.all() and (days[1:] > days[:-1]).all():
        return SymbolBars(symbol, days.astype(np.int32), values, 0)
    latest_first = np.flatnonzero(usable)[::-1]
    session_days, places = np.unique(days[latest_first], return_index=True)
    bars = np.ascontiguousarray(values[:, latest_first[places]])
    return SymbolBars(symbol, session_days.astype(np.int32), bars, rows.shape[1] - len(places))


def following(next_url: str | None) -> str:
    """Return path and query of a `next_url`, without any key; its host counts for nothing.

    Raises:
        MalformedAnswerError: not a URL with a path.
    """
    if not next_url:
        return ""
    try:
        parts = urlsplit(next_url)
    except ValueError:
        raise MalformedAnswerError("The provider's next_url is no URL") from None
    if not parts.path.startswith("/"):
        raise MalformedAnswerError("The provider's next_url has no path")
    query = "&".join(pair for pair in parts.query.split("&") if not pair.lower().startswith("apikey="))
    return f"{parts.path}?{query}"


def error_text(body: bytes, secret: str = "") -> str:
    """Return what the provider says about an error, on one line of at most 200 characters; empty if nothing.

    `secret` is blotted out of it, before it is cut: half a key is one, too.
    """
    try:
        raw = _ERROR.decode(body)
    except _UNREADABLE:
        return ""
    text = raw.error or raw.message or ""
    text = text.replace(secret, "***") if secret else text
    return "".join(letter if letter.isprintable() else " " for letter in text)[:_TEXT_LIMIT]


def _split(raw: _RawSplit) -> Split | None:
    try:
        day = date.fromisoformat(raw.execution_date)
        return Split(raw.ticker, to_day_number(day), raw.split_from, raw.split_to)
    except ValueError:
        return None


def _decode(decoder: msgspec.json.Decoder[Answer], body: bytes, what: str) -> Answer:
    try:
        return decoder.decode(body)
    except _UNREADABLE:
        raise MalformedAnswerError(f"The provider's answer is not a {what}") from None
