"""Fills the store ahead of scans, and tells what is in it."""

import asyncio
from dataclasses import dataclass
from datetime import date

from services.fetcher.reference import STALE_SESSIONS, Reference
from services.fetcher.split_check import SplitCheck
from services.fetcher.store import Store, StoreStatus
from services.fetcher.stored_source import StoredSource
from services.fetcher.symbol_list import SymbolList
from services.fetcher.sync import Report, SessionSync, SyncState
from services.fetcher.window import sessions_of
from services.market.errors import BudgetSpentError


@dataclass(frozen=True, slots=True)
class StoreHoles:
    """What is stored, the newest completed session, and the sessions of the window ending with it that are not."""

    status: StoreStatus
    newest: date
    missing: tuple[date, ...]


class StoreSync:
    """Brings windows into the store; see `run`.

    Args:
        source: where bars come from, through the store.
        store: L2.
        sync: brings sessions.
        symbols: puts what is fetched into its order.
        reference: the list of symbols and the splits.
        check: holds splits against the provider's own adjusted bars.
    """

    def __init__(
        self,
        source: StoredSource,
        store: Store,
        sync: SessionSync,
        symbols: SymbolList,
        reference: Reference,
        check: SplitCheck,
    ) -> None:
        self._source = source
        self._store = store
        self._sync = sync
        self._symbols = symbols
        self._reference = reference
        self._check = check

    async def run(self, as_of: date, history_count: int, *, until: float, report: Report) -> None:
        """Store the sessions of a window, their splits and the reference list; what is there takes no call.

        The flights are the fetcher's own: they go on when the caller leaves, and who comes later joins them.

        Args:
            as_of: a session that is completed.
            history_count: number of sessions, ending with as_of.
            until: the loop's time after which nothing is waited for.
            report: is told how many sessions are stored; the last time, when all is done, all of them.

        Raises:
            LocalDataError: there is no store, or it cannot be written.
            BudgetSpentError: not all was there in time.
            TechnicError: the source failed.
        """
        self._store.require()
        sessions = sessions_of(as_of, history_count)

        async def watch(state: SyncState) -> None:
            self._store.require()
            if state.ready_count < state.wanted_count:
                await report(state)

        await self._symbols.begin(as_of, sessions)
        failure = await self._sync.wait(sessions, until, watch, self._source.is_stored)
        if failure is not None:
            raise failure
        try:
            async with asyncio.timeout_at(until):
                await asyncio.gather(
                    self._reference.splits(sessions[0]),
                    self._reference.refresh(STALE_SESSIONS),
                    self._check.suspects(sessions, until),
                )
                await self._store.flush()
        except TimeoutError:
            pass
        else:
            if all(map(self._source.is_stored, sessions)):
                await report(SyncState(len(sessions), len(sessions)))
                return
        raise BudgetSpentError("not all sessions were stored in time: sync again, it goes on from here")

    async def holes(self, history_count: int) -> StoreHoles:
        """Look for holes in the window of the newest completed session.

        Raises:
            LocalDataError: there is no store, or it cannot be read.
        """
        status, newest = await self._store.status(), self._source.latest_session()
        stored = set(status.sessions)
        missing = tuple(session for session in sessions_of(newest, history_count) if session not in stored)
        return StoreHoles(status, newest, missing)
