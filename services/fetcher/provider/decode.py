"""The grouped-daily answer: the bars of the whole market in one session, from JSON to arrays."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.fetcher.provider.scanner import NEW_SYMBOL, NO_SYMBOL, VALUES, scan
from services.fetcher.provider.validity import valid_bars
from services.fetcher.source import SessionBars
from services.fetcher.symbols import SymbolIndex, is_symbol
from services.market.errors import MalformedAnswerError
from services.market.sessions import NEW_YORK

_ROW_BYTES: Final = 48
"""Fewer bytes than any complete row has."""


class EmptyAnswerError(MalformedAnswerError):
    """An answer without bars for a day that is a session: the provider does this now and then; asking again helps."""


class _Row(msgspec.Struct):
    T: str | None = None
    o: float | None = None
    h: float | None = None
    l: float | None = None  # noqa: E741 - the provider's key
    c: float | None = None
    v: float | None = None
    t: float | None = None


class _Answer(msgspec.Struct):
    results: list[_Row] | None = None


_DECODER: Final = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What an answer says. Columns: (row,) int32; values: (value, row) float64 as in `scanner`; new: row and symbol."""

    columns: NDArray[np.int32]
    values: NDArray[np.float64]
    new: list[tuple[int, str]]


def decode_grouped(body: bytes, session: date, index: SymbolIndex) -> SessionBars:
    """Read the answer to "all bars of one session".

    A row is refused, and counted, if it is no bar (`valid_bars`), its ticker is no symbol, its time does not lie on the
    session's New York date, or a later bar of the same symbol follows: the last one counts. Bars kept and refused add
    up to the rows sent. Symbols of bars that are kept get a column in `index`.

    Raises:
        EmptyAnswerError: there are no rows.
        MalformedAnswerError: the body is not that answer, or not one row is a bar of the session.
    """
    rows = _scanned(body, index)
    if rows is None:
        rows = _parsed(body, index)
    count = len(rows.columns)
    if count == 0:
        raise EmptyAnswerError(f"the provider answered without any bar for the session of {session}")
    good = valid_bars(rows.values[:5]) & _on_day(rows.values[5], session)
    new = [(row, symbol) for row, symbol in rows.new if good[row]]
    rows.columns[[row for row, _ in new]] = index.add([symbol for _, symbol in new])
    kept = np.flatnonzero(good & (rows.columns >= 0))
    if not len(kept):
        raise MalformedAnswerError(f"the provider answered {count} rows, but not one bar, for the session of {session}")
    columns = rows.columns[kept]
    last = np.empty(int(columns.max()) + 1, np.intp)
    last[columns] = kept
    kept = kept[last[columns] == kept]
    return SessionBars(session, rows.columns[kept], rows.values[:5, kept], count - len(kept))


def warm(index: SymbolIndex) -> None:
    """Load or compile the scanner, which takes seconds once and must not happen in a call."""
    _scanned(b"{}", index)


def _scanned(body: bytes, index: SymbolIndex) -> _Rows | None:
    capacity = len(body) // _ROW_BYTES + 1
    values = np.empty((VALUES, capacity))
    columns = np.empty(capacity, np.int32)
    tickers = np.empty((2, capacity), np.int64)
    count = scan(np.frombuffer(body, np.uint8), tuple(index.table), (values, columns, tickers))
    if count < 0:
        return None
    unknown = np.flatnonzero(columns[:count] == NEW_SYMBOL)
    spans = zip(unknown.tolist(), *tickers[:, unknown].tolist(), strict=True)
    return _Rows(columns[:count], values[:, :count], [(row, body[start:end].decode()) for row, start, end in spans])


def _parsed(body: bytes, index: SymbolIndex) -> _Rows:
    try:
        found = _DECODER.decode(body).results or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedAnswerError(f"the provider's answer is not a list of bars: {error}") from error
    columns = np.full(len(found), NO_SYMBOL, np.int32)
    new: list[tuple[int, str]] = []
    for number, row in enumerate(found):
        if row.T is None or not is_symbol(row.T):
            continue
        column = index.column_of(row.T)
        if column is None:
            new.append((number, row.T))
        else:
            columns[number] = column
    rows = [(row.o, row.h, row.l, row.c, row.v, row.t) for row in found]
    # None becomes NaN in an array of float64.
    return _Rows(columns, np.array(rows, np.float64).reshape(-1, VALUES).T, new)


def _on_day(times: NDArray[np.float64], session: date) -> NDArray[np.bool_]:
    first, end = (datetime.combine(day, time(), NEW_YORK) for day in (session, session + timedelta(days=1)))
    return (times >= first.timestamp() * 1000) & (times < end.timestamp() * 1000)
