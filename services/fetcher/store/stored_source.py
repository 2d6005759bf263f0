"""A source of bars that remembers: what its store holds is not asked for again."""

from collections.abc import Mapping
from datetime import date
from typing import Final, TypeVar

import msgspec
import numpy as np

from services.fetcher.reference.kept_lists import KeptLists
from services.fetcher.source import BarSource, Details, Listing, Pace, SessionBars, SymbolBars
from services.fetcher.store.store import Store
from services.files.attributes import AttributeBook
from services.market.adjust import Split
from services.market.panel import FIELDS
from services.market.sessions import from_day_number, sessions_between, to_day_number

T = TypeVar("T")

BELIEVED_SESSIONS: Final = 20
"""Sessions for which it is believed that a symbol has no bars; later ones would show them if it traded."""


class _Symbol(msgspec.Struct, array_like=True):
    """The bars of a symbol from `first` to `last`: little-endian int32 and float64 as in `SymbolBars`."""

    first: int
    last: int
    session_days: bytes
    bars: bytes


class StoredSource:
    """A `BarSource` that asks another one for what its store lacks, and stores the answers.

    A session that is stored is not asked for again but by `fetched_again`. Splits and the bars of single symbols are
    taken from the store if no session has ended since they came.

    Args:
        source: the other one.
        store: where answers are kept.
        attributes: what a file knows of the symbols; it counts before what the provider says, and is not stored.

    Attributes:
        lists: the reference lists that came before.
    """

    def __init__(self, source: BarSource, store: Store, attributes: AttributeBook | None = None) -> None:
        self._source = source
        self._store = store
        self.lists = KeptLists(store, attributes or AttributeBook({}))

    def __repr__(self) -> str:
        return f"StoredSource({self._source!r}, {self._store!r})"

    @property
    def name(self) -> str:
        """Name of the provider."""
        return self._source.name

    @property
    def simulated(self) -> bool:
        """Whether the bars are generated ones."""
        return self._source.simulated

    @property
    def request_count(self) -> int:
        """Calls made to the provider so far."""
        return self._source.request_count

    @property
    def answer_counts(self) -> Mapping[str, int]:
        """Calls by the status of their answer."""
        return self._source.answer_counts

    @property
    def failing(self) -> bool:
        """Whether the provider is taken to be down; what is stored comes all the same."""
        return self._source.failing

    @property
    def concurrency(self) -> int:
        """How many calls may be in flight."""
        return self._source.concurrency

    @property
    def pace(self) -> Pace:
        """How fast the provider may be asked."""
        return self._source.pace

    @property
    def repair_limit(self) -> int:
        """How many symbols without any bar may be asked for one by one in a scan."""
        return self._source.repair_limit

    def latest_session(self) -> date:
        """Return the newest session whose bars can be asked for."""
        return self._source.latest_session()

    def running_session(self) -> date | None:
        """Return the session that trades now, if its bars can be asked for."""
        return self._source.running_session()

    def first_day(self) -> date | None:
        """Return the first day whose bars can be asked for; None for no limit."""
        return self._source.first_day()

    def can_give(self, session: date) -> bool:
        """Tell whether the bars of a session are stored, or can be asked for."""
        first_day = self.first_day()
        return first_day is None or session >= first_day or self.is_stored(session)

    async def details(self, symbol: str) -> Details | None:
        """Return what is known of one symbol; None for an unknown one."""
        return await self._source.details(symbol)

    async def adjusted_bars(self, session: date) -> SessionBars:
        """Return the bars of one session as the source restates them today; never stored."""
        return await self._source.adjusted_bars(session)

    async def running_bars(self, session: date) -> SessionBars:
        """Return the bars so far of the running session; never stored."""
        return await self._source.running_bars(session)

    def is_stored(self, session: date) -> bool:
        """Tell whether the bars of a session take no call."""
        return session in self._store

    async def session_bars(self, session: date) -> SessionBars:
        """Return the raw bars of one session; those refused are counted when they come, not when they are read."""
        bars = await self._store.session(session)
        if bars is None:
            bars = await self._source.session_bars(session)
            await self._store.keep(bars)
        return bars

    async def fetched_again(self, session: date) -> SessionBars | None:
        """Ask for a session that is stored; what the provider changed is kept as a revision.

        Returns:
            what it answered; None if the store does not believe it: far too few bars.
        """
        bars = await self._source.session_bars(session)
        return None if await self._store.restate(bars) is None else bars

    async def restated(self, first: date, as_of: date) -> frozenset[str]:
        """Return the symbols that the source restated since the sessions from `first` to as_of were all stored."""
        return await self._store.restated(first, as_of)

    async def listings(self) -> tuple[Listing, ...]:
        """Return the reference list as the source has it now, each symbol once; see `lists` for those before."""
        return await self._source.listings()

    async def listed_on(self, session: date) -> tuple[Listing, ...] | None:
        """Return the reference list of a past session; None if the source has none, and `lists` count."""
        return await self._source.listed_on(session)

    async def splits(self, first: date, as_of: date | None = None) -> tuple[Split, ...]:
        """Return the splits executing on or after `first`; duplicates and future ones included.

        Args:
            first: a day.
            as_of: the session up to which they will be applied; what was listed when it, or a later one, was the newest
                will do. By default the newest session.
        """
        newest, day = self.latest_session(), to_day_number(first)
        kept = await self._store.splits()
        if kept is not None and kept.newest >= min(as_of or newest, newest) and kept.first <= first:
            return tuple(split for split in kept.splits if split.session_day >= day)
        splits = await self._source.splits(first)
        await self._store.keep_splits(newest, first, splits)
        return splits

    async def is_symbol_stored(self, symbol: str, first: date, last: date) -> bool:
        """Tell whether the bars of a symbol from `first` to `last` take no call."""
        kept = _decoded(await self._store.answer(_question(symbol)), _Symbol, self.latest_session())
        return kept is not None and (kept.first, kept.last) == (to_day_number(first), to_day_number(last))

    async def symbol_bars(self, symbol: str, first: date, last: date) -> SymbolBars:
        """Return the raw bars of one symbol; empty for an unknown one.

        That a symbol has no bars is believed for a while: who comes to have some has too few to be scored.
        """
        question, newest = _question(symbol), self.latest_session()
        days = (to_day_number(first), to_day_number(last))
        found = await self._store.answer(question)
        kept = _decoded(found, _Symbol)
        if found is not None and kept is not None and _serves(kept, found[0], days, newest):
            bars = np.frombuffer(kept.bars, "<f8").reshape(len(FIELDS), -1)
            return SymbolBars(symbol, np.frombuffer(kept.session_days, "<i4"), bars, 0)
        answer = await self._source.symbol_bars(symbol, first, last)
        columns = (answer.session_days.astype("<i4").tobytes(), answer.bars.astype("<f8").tobytes())
        await self._store.keep_answer(question, newest, msgspec.msgpack.encode(_Symbol(*days, *columns)))
        return answer

    async def close(self) -> None:
        """Release the source, and close the store once all is written."""
        await self._source.close()
        await self._store.close()


def _question(symbol: str) -> str:
    return f"symbol {symbol}"


def is_believed(looked: tuple[date, date], asked: tuple[date, date]) -> bool:
    """Tell whether a symbol without a bar in one window, first and last day, is taken to have none in another one.

    Who comes to have some in the few sessions since has too few to be scored.
    """
    return looked[0] <= asked[0] and len(sessions_between(looked[1], asked[1])) <= BELIEVED_SESSIONS


def _serves(kept: _Symbol, came: date, days: tuple[int, int], newest: date) -> bool:
    """Tell whether a symbol's bars, which came when `came` was the newest session, are those of the days asked for."""
    if came == newest and (kept.first, kept.last) == days:
        return True
    looked = from_day_number(kept.first), from_day_number(kept.last)
    asked = from_day_number(days[0]), from_day_number(days[1])
    return not kept.bars and is_believed(looked, asked) and len(sessions_between(came, newest)) <= BELIEVED_SESSIONS


def _decoded(found: tuple[date, bytes] | None, kind: type[T], newest: date | None = None) -> T | None:
    """Read an answer; None if there is none, if it is older than `newest`, or if another version wrote it."""
    if found is None or newest not in {None, found[0]}:
        return None
    try:
        return msgspec.msgpack.decode(found[1], type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
