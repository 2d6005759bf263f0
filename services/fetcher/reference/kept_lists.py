"""Reference lists that came before: one for each session that was the newest when a list came."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Final

import msgspec
from cachetools import LRUCache

from services.fetcher.reference.overlay import overlaid
from services.fetcher.source import Listing
from services.fetcher.store.store import Store
from services.files.attributes import AttributeBook
from services.market.sessions import from_day_number, to_day_number

KEPT: Final = 60
"""Lists in a store at most, 1 MB each; the oldest leave first."""
AT_HAND: Final = 8
"""Lists in memory at most; without a store there are no others."""

_SESSIONS: Final = "listing sessions"

Symbols = dict[str, Listing]
"""A list by symbol."""


class KeptLists:
    """The reference lists in a store and in memory, by the session that was the newest one when they came.

    A list that is here stays as it is: what a scan was answered with must be found again.

    Args:
        store: where they are kept; one without a place leaves those in memory.
        attributes: what a file knows of the symbols; it counts before what the provider says, and is not stored.
    """

    def __init__(self, store: Store, attributes: AttributeBook) -> None:
        self._store = store
        self._attributes = attributes
        self._at_hand: LRUCache[date, Symbols] = LRUCache(AT_HAND)

    def __repr__(self) -> str:
        return f"KeptLists({len(self._at_hand)} at hand)"

    async def sessions(self) -> tuple[date, ...]:
        """Return the sessions of which there is a list, ascending."""
        return tuple(sorted({*self._at_hand, *await self._stored()}))

    async def get(self, session: date) -> Symbols | None:
        """Return the list of a session; None if there is none, or none that can be read any more."""
        if session in self._at_hand:
            return self._at_hand[session]
        found = await self._store.answer(_question(session))
        if found is None:
            return None
        try:
            listings = await asyncio.to_thread(msgspec.msgpack.decode, found[1], type=tuple[Listing, ...])
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None
        symbols = await self._read(listings)
        # Two may have read it at once: who compares lists by identity must get one.
        return self._at_hand.setdefault(session, symbols)

    async def newest(self, before: date | None = None) -> tuple[date, Symbols] | None:
        """Return the newest list, of those from sessions before a day if one is named; None without one."""
        for session in reversed(await self.sessions()):
            if before is None or session < before:
                listings = await self.get(session)
                if listings is not None:
                    return session, listings
        return None

    async def oldest(self) -> tuple[date, Symbols] | None:
        """Return the oldest list; None without one."""
        for session in await self.sessions():
            listings = await self.get(session)
            if listings is not None:
                return session, listings
        return None

    async def keep(self, listings: tuple[Listing, ...], newest: Callable[[], date]) -> tuple[date, Symbols]:
        """Keep a list under the session that is the newest one; if there is one of it already, that one stays.

        Args:
            listings: as they came.
            newest: tells the newest session. It is asked in the moment from which on the list can be found: who could
                scan that session before cannot have seen the list.

        Returns:
            the session, and its list.
        """
        body = await asyncio.to_thread(msgspec.msgpack.encode, listings)
        symbols = await self._read(listings)
        stored = await self._stored()
        session = newest()
        found = await self.get(session) if session in stored else None
        if found is not None:
            return session, found
        session = newest()
        taken = self._at_hand.setdefault(session, symbols)
        if taken is symbols:
            await self._write(session, body, stored)
        return session, taken

    async def _write(self, session: date, body: bytes, stored: list[date]) -> None:
        sessions = sorted({*stored, session})
        await self._store.keep_answer(_question(session), session, body)
        for old in sessions[:-KEPT]:
            await self._store.keep_answer(_question(old), old, b"")
        days = [to_day_number(kept) for kept in sessions[-KEPT:]]
        await self._store.keep_answer(_SESSIONS, session, msgspec.msgpack.encode(days))

    async def _read(self, listings: tuple[Listing, ...]) -> Symbols:
        shown = await asyncio.to_thread(overlaid, listings, self._attributes)
        return {listing.symbol: listing for listing in shown}

    async def _stored(self) -> list[date]:
        found = await self._store.answer(_SESSIONS)
        try:
            days = [] if found is None else msgspec.msgpack.decode(found[1], type=list[int])
            return [from_day_number(day) for day in days]
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError, OverflowError):
            return []


def _question(session: date) -> str:
    return f"listings {session}"
