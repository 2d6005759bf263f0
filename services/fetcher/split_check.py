"""Holds our restated history against the provider's own, to find splits that one of the two has wrong.

The provider restates as of the moment of the question, so only the window of the newest session can be checked: its
first session, which all splits of the window change, is asked for once more, adjusted. What came of it is kept with the
newest session: later scans as of it say the same, without a call.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
import numpy as np
import structlog
from cachetools import LRUCache
from numpy.typing import NDArray

from services.fetcher.cache import SessionCache
from services.fetcher.reference.reference import Reference
from services.fetcher.reference.symbol_list import SCARCE_S
from services.fetcher.source import SessionBars
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split, restated
from services.market.errors import TechnicError
from services.market.sessions import to_day_number

RELATIVE: Final = 0.005
"""How far two closes may lie apart, as a fraction of ours: no split is as small."""
UNIT: Final = 0.0001
"""USD; the last decimal that adjusted prices carry."""
SOON_DAYS: Final = 7
"""Days after as_of, a long weekend and more, in which a split may have executed for the provider, which sees today."""
WAIT_S: Final = 2.0
"""Seconds that a scan waits for the check once its sessions are there."""
NEVER_RESTATED: Final = frozenset({"files", "replay"})
"""Sources whose adjusted bars are the raw ones."""

_NAMES: Final = msgspec.msgpack.Decoder(tuple[str, ...])


class SplitCheck:
    """Finds the suspects of a window: symbols whose restated history is not what the provider itself makes of it.

    A symbol without a bar in the first session of the window is not checked.

    Args:
        source: what is asked.
        store: keeps what came of the checks.
        reference: the splits.
        index: numbers of the symbols.
        cache: L1, with the raw bars.
    """

    def __init__(
        self, source: StoredSource, store: Store, reference: Reference, index: SymbolIndex, cache: SessionCache
    ) -> None:
        self._source = source
        self._store = store
        self._reference = reference
        self._index = index
        self._cache = cache
        self._known: LRUCache[tuple[date, date], frozenset[str]] = LRUCache(64)
        self._asking: LRUCache[tuple[date, date], asyncio.Task[SessionBars | None]] = LRUCache(4)

    def __repr__(self) -> str:
        return f"SplitCheck({len(self._known)} windows, {len(self._asking)} asked for)"

    def begin(self, sessions: Sequence[date], *, even_if_scarce: bool = False) -> None:
        """Begin to ask for what the check of a window needs, if that is not here; it goes on when nobody waits.

        Where calls are scarce, not before the window's first session is here: there may be an hour of calls to come.
        """
        key = (sessions[0], sessions[-1])
        if key in self._known or _useful(self._asking.get(key)):
            return
        if self._source.pace.spacing_s >= SCARCE_S and not self._is_here(sessions[0]) and not even_if_scarce:
            return
        task = asyncio.create_task(self._ask(tuple(sessions)), name=f"split check {sessions[-1]}")
        # Those who wait are told of a failure; with nobody waiting it is no news.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._asking[key] = task

    async def suspects(self, sessions: Sequence[date], until: float) -> frozenset[str]:
        """Return the suspects of a window; none if it cannot be checked, or not in time, which the log says.

        Args:
            sessions: the window, ascending; without its first session there is nothing to compare.
            until: the loop's time after which the provider is not waited for.
        """
        key = (sessions[0], sessions[-1])
        if key not in self._known and self._is_here(sessions[0]):
            if key not in self._asking:
                self.begin(sessions)
            try:
                async with asyncio.timeout_at(until):
                    adjusted = await asyncio.shield(self._asking[key])
                    splits = await self._reference.splits(sessions[0], sessions[-1])
            except (TimeoutError, TechnicError) as error:
                structlog.get_logger().warning("split_check_failed", as_of=str(key[1]), error=repr(error))
                if not _useful(self._asking.get(key)):
                    # One try a scan: the source has retried already.
                    self._asking.pop(key, None)
                return frozenset()
            if adjusted is not None:
                await self._compare(sessions, adjusted, splits)
        return self._known.get(key, frozenset())

    async def suspects_among(
        self, sessions: Sequence[date], closes: Mapping[str, float], until: float
    ) -> frozenset[str]:
        """Return the suspects among some symbols, as `suspects` does where the sessions themselves are not here.

        Args:
            sessions: as of `suspects`.
            closes: raw close in the first session by symbol, USD; one that is absent is not checked.
            until: as of `suspects`.
        """
        key = (sessions[0], sessions[-1])
        if key in self._known:
            return self._known[key] & closes.keys()
        self.begin(sessions, even_if_scarce=True)
        try:
            async with asyncio.timeout_at(until):
                theirs = await asyncio.shield(self._asking[key])
                splits = await self._reference.splits(sessions[0], sessions[-1])
        except (TimeoutError, TechnicError) as error:
            structlog.get_logger().warning("split_check_failed", as_of=str(key[1]), error=repr(error))
            return frozenset()
        if theirs is None:
            return self._known.get(key, frozenset()) & closes.keys()
        known = self._index.add(tuple(closes))
        raw = np.full(len(self._index), np.nan)
        raw[known] = tuple(closes.values())
        columns = disagreeing(theirs, raw[theirs.columns], self._columns_of(splits), to_day_number(key[1]))
        return frozenset(map(self._index.symbol_at, columns))

    def _is_here(self, session: date) -> bool:
        return session in self._cache or self._source.is_stored(session)

    async def _ask(self, sessions: tuple[date, ...]) -> SessionBars | None:
        """Return the provider's adjusted bars of the first session; None if they are not needed."""
        first, as_of = sessions[0], sessions[-1]
        kept = await self._kept(sessions)
        if kept is None and self._current(as_of) and self._source.name not in NEVER_RESTATED:
            splits = await self._reference.splits(first, as_of)
            days = (split.session_day for rows in splits.values() for split in rows)
            if any(to_day_number(first) < day <= to_day_number(as_of) for day in days):
                return await self._source.adjusted_bars(first)
        self._settle((first, as_of), kept or frozenset())
        return None

    def _current(self, as_of: date) -> bool:
        return as_of in {self._source.latest_session(), self._source.running_session()}

    async def _compare(
        self, sessions: Sequence[date], theirs: SessionBars, splits: dict[str, tuple[Split, ...]]
    ) -> None:
        """Compare, once the raw bars are there, and keep what came of it."""
        first, as_of = sessions[0], sessions[-1]
        raw = await self._raw_closes(first, theirs.columns)
        if raw is None:
            return
        columns = await asyncio.to_thread(disagreeing, theirs, raw, self._columns_of(splits), to_day_number(as_of))
        names = sorted(self._index.symbol_at(column) for column in columns)
        structlog.get_logger().info("splits_checked", as_of=str(as_of), suspects=names[:20], count=len(names))
        self._settle((first, as_of), frozenset(names))
        if as_of == self._source.latest_session():
            await self._store.keep_answer(_question(sessions), as_of, msgspec.msgpack.encode(names))

    def _settle(self, key: tuple[date, date], suspects: frozenset[str]) -> None:
        self._known[key] = suspects
        self._asking.pop(key, None)

    def _columns_of(self, splits: dict[str, tuple[Split, ...]]) -> dict[int, tuple[Split, ...]]:
        columns = ((self._index.column_of(symbol), rows) for symbol, rows in splits.items())
        return {column: rows for column, rows in columns if column is not None}

    async def _raw_closes(self, session: date, columns: NDArray[np.int32]) -> NDArray[np.float64] | None:
        """Return (bar,) float64, USD, NaN = no bar; None if the session is neither in memory nor stored."""
        if session in self._cache:
            closes: NDArray[np.float64] = self._cache.gather((session,), columns)[3, 0]
            return closes
        if not self._source.is_stored(session):
            return None
        bars = await self._source.session_bars(session)
        row = np.full(int(max(bars.columns.max(initial=0), columns.max(initial=0))) + 1, np.nan)
        row[bars.columns] = bars.bars[3]
        return row[columns]

    async def _kept(self, sessions: Sequence[date]) -> frozenset[str] | None:
        found = await self._store.answer(_question(sessions))
        try:
            return None if found is None else frozenset(_NAMES.decode(found[1]))
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def disagreeing(
    theirs: SessionBars, raw: NDArray[np.float64], splits: Mapping[int, tuple[Split, ...]], as_of: int
) -> tuple[int, ...]:
    """Return the columns of the symbols whose close the provider restates to something else than we do.

    Args:
        theirs: bars of one session as the provider restates them.
        raw: (bar,) float64, USD, our raw closes of the same session and columns; NaN = no bar, nothing to compare.
        splits: by column, ascending.
        as_of: up to which splits count, days since 1970-01-01. Those of the next few days may count for the provider.
    """
    day = to_day_number(theirs.session)
    ours = raw.copy()
    soon: dict[int, list[float]] = {}
    for place in np.flatnonzero(np.isin(theirs.columns, list(splits))).tolist():
        rows, price = splits[int(theirs.columns[place])], float(raw[place])
        ours[place] = restated(price, day, rows, as_of)
        ahead = [row.session_day for row in rows if as_of < row.session_day <= as_of + SOON_DAYS]
        if ahead:
            soon[place] = [restated(price, day, rows, end) for end in ahead]
    close = theirs.bars[3]
    # A comparison with NaN is never true.
    apart = np.flatnonzero(np.abs(close - ours) > RELATIVE * ours + UNIT).tolist()
    return tuple(int(theirs.columns[place]) for place in apart if not _agrees(float(close[place]), soon.get(place, ())))


def _agrees(close: float, prices: Sequence[float]) -> bool:
    return any(abs(close - price) <= RELATIVE * price + UNIT for price in prices)


def _question(sessions: Sequence[date]) -> str:
    return f"split check {sessions[-1]} {len(sessions)}"


def _useful(task: asyncio.Task[SessionBars | None] | None) -> bool:
    """Tell whether bars are still asked for, or wait to be compared; a failure is not remembered."""
    if task is None or not task.done():
        return task is not None
    return not task.cancelled() and task.exception() is None and task.result() is not None
