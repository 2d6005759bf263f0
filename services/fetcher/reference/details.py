"""What single calls told of symbols: when it came, and which of it counts for a scan."""

import asyncio
import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from services.fetcher.source import Details
from services.fetcher.store.store import Store
from services.market.adjust import Split
from services.market.sessions import from_day_number, to_day_number
from services.market.vocabulary import SymbolType

KEPT_DAYS: Final = 30
"""Days after which a symbol is asked for again."""
REVISIONS: Final = 4
"""Answers kept of a symbol; the oldest leaves first."""

_QUESTION: Final = "details"


class Revision(msgspec.Struct, array_like=True, frozen=True):
    """An answer about a symbol, and the session that was the newest one when it came, days since 1970-01-01.

    It counts for scans of later sessions only: a scan of one that was over already may have been done without it.
    """

    known: int
    details: Details

    def shares(self, splits: Iterable[Split], as_of: date) -> float:
        """Return the shares at the close of as_of: restated for splits since the answer came; NaN = unknown.

        Args:
            splits: of the symbol, ascending by date; none that executed since may lack.
            as_of: a session.
        """
        shares, last = self.details.shares, to_day_number(as_of)
        for split in splits:
            if self.known < split.session_day <= last:
                shares = shares * split.ratio_to / split.ratio_from
        return shares


Book = dict[str, tuple[Revision, ...]]


class DetailsBook:
    """The details of symbols, in memory and in one answer of the store.

    Args:
        store: where they are kept; one without a place leaves them in memory.

    Attributes:
        version: changes with what is here.
        unsaved_count: answers that the store does not have yet.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._book: Book = {}
        self.version = 0
        self.unsaved_count = 0

    def __repr__(self) -> str:
        return f"DetailsBook({len(self._book)} symbols, {self.unsaved_count} not saved)"

    @property
    def known_count(self) -> int:
        """Symbols of which something is known."""
        return sum(_tells(revisions[-1].details) for revisions in self._book.values())

    async def load(self) -> None:
        """Read what is stored; it must be here before the first scan."""
        self._merge(await self._stored())

    def as_of(self, as_of: date) -> dict[str, Revision]:
        """Return what counts for a scan: of each symbol the newest answer from before the session, if there is one."""
        day = to_day_number(as_of)
        found = {
            symbol: next((one for one in reversed(revisions) if one.known < day), None)
            for symbol, revisions in self._book.items()
        }
        return {symbol: revision for symbol, revision in found.items() if revision is not None}

    def due(self, symbols: Sequence[str], newest: date) -> tuple[str, ...]:
        """Return those of `symbols` that were not asked for in the last `KEPT_DAYS`, in their order."""
        oldest = to_day_number(newest) - KEPT_DAYS
        return tuple(symbol for symbol in symbols if symbol not in self._book or self._book[symbol][-1].known <= oldest)

    def add(self, symbol: str, details: Details | None, newest: date) -> None:
        """Take an answer that came while `newest` was the newest session; None, for an unknown symbol, is one, too."""
        revision = Revision(to_day_number(newest), details or _nothing(symbol))
        self._merge({symbol: (revision,)})
        self.unsaved_count += 1

    async def save(self) -> None:
        """Have all written, with what another process stored meanwhile."""
        if not self.unsaved_count:
            return
        self._merge(await self._stored())
        self.unsaved_count = 0
        newest = max(revisions[-1].known for revisions in self._book.values())
        body = await asyncio.to_thread(msgspec.msgpack.encode, dict(self._book))
        await self._store.keep_answer(_QUESTION, from_day_number(newest), body)

    def _merge(self, other: Book) -> None:
        """Add the revisions that are not here yet; of two of one session the one that was here stays."""
        self.version += 1
        for symbol, revisions in other.items():
            mine = self._book.get(symbol, ())
            if mine == revisions:
                continue
            by_day = {one.known: one for one in (*revisions, *mine)}
            self._book[symbol] = tuple(by_day[day] for day in sorted(by_day)[-REVISIONS:])

    async def _stored(self) -> Book:
        found = await self._store.answer(_QUESTION)
        if found is None:
            return {}
        try:
            return await asyncio.to_thread(msgspec.msgpack.decode, found[1], type=Book)
        except (msgspec.DecodeError, msgspec.ValidationError):
            # Another version wrote it: asked for again.
            return {}


def _nothing(symbol: str) -> Details:
    return Details(symbol, SymbolType.UNKNOWN, "", "", math.nan)


def _tells(details: Details) -> bool:
    """Tell whether an answer says anything; that of an unknown symbol does not."""
    known_type = details.type is not SymbolType.UNKNOWN
    return known_type or bool(details.exchange or details.sic_code) or not math.isnan(details.shares)
