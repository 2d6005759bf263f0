"""Fills the store ahead of scans, and tells what is in it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from services.fetcher.cache import SessionCache
from services.fetcher.reference.reference import STALE_SESSIONS, Reference
from services.fetcher.reference.symbol_list import SymbolList
from services.fetcher.split_check import SplitCheck
from services.fetcher.store.inspection import StoreStatus, Verified, status_of, verify
from services.fetcher.store.store import Store
from services.fetcher.store.stored_source import StoredSource
from services.fetcher.sync import TICK_S, Report, SessionSync, SyncState
from services.fetcher.window import sessions_of
from services.market.errors import BudgetSpentError, InvalidRequestError, ProviderPlanError, TechnicError


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
        cache: L1, where what the provider changed is changed, too.
    """

    def __init__(  # the core's parts
        self,
        source: StoredSource,
        store: Store,
        sync: SessionSync,
        symbols: SymbolList,
        reference: Reference,
        check: SplitCheck,
        cache: SessionCache,
    ) -> None:
        self._source = source
        self._store = store
        self._sync = sync
        self._symbols = symbols
        self._reference = reference
        self._check = check
        self._cache = cache

    @property
    def name(self) -> str:
        """Name of the store in use; empty without one."""
        return self._store.name

    async def refresh(self) -> None:
        """Take note of the sessions that other processes stored."""
        await self._store.refresh()

    async def verify(self, report: Callable[[Verified], Awaitable[None]]) -> None:
        """Check everything that is stored; see `inspection.verify`."""
        await verify(self._store, report)

    async def run(self, as_of: date, history_count: int, *, until: float, report: Report) -> None:
        """Store the sessions of a window, their splits and the reference list; what is there takes no call.

        The flights are the fetcher's own: they go on when the caller leaves, and who comes later joins them. Sessions
        that came soon after their close are asked for once more on a later day: a call each, five at most.

        Args:
            as_of: a session that is completed.
            history_count: number of sessions, ending with as_of.
            until: the loop's time after which nothing is waited for.
            report: is told how many sessions are stored; the last time, when all is done, all of them.

        Raises:
            LocalDataError: there is no store, or it cannot be written.
            InvalidRequestError: the store does not keep so many sessions.
            BudgetSpentError: not all was there in time.
            TechnicError: the source failed.
        """
        self._store.require()
        sessions = sessions_of(as_of, history_count)
        if history_count > self._store.retention:
            raise InvalidRequestError(
                f"{history_count} sessions were asked for, but the store keeps {self._store.retention}: "
                "ask for fewer, or raise FETCHER_STORE_SESSIONS"
            )
        await self._store.refresh()
        within = [session for session in sessions if self._source.can_give(session)]
        if len(within) < history_count:
            raise ProviderPlanError(
                f"{history_count} sessions were asked for, but those before {self._source.first_day()} are not in the "
                f"history of plan {self._source.pace.plan}: ask for {len(within)} at most"
            )
        with self._store.protected(sessions[0]):
            await self._run(as_of, sessions, until, report)

    async def _run(self, as_of: date, sessions: tuple[date, ...], until: float, report: Report) -> None:
        async def watch(state: SyncState) -> None:
            self._store.require()
            self._forget_lost(sessions)
            if state.ready_count < state.wanted_count:
                await report(state)

        await self._store.flush()
        self._forget_lost(sessions)
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
                await self._ask_again(sessions, report)
        except TimeoutError:
            pass
        else:
            if all(map(self._source.is_stored, sessions)):
                await report(SyncState(len(sessions), len(sessions)))
                return
        raise BudgetSpentError("not all sessions were stored in time: sync again, it goes on from here")

    def _forget_lost(self, sessions: Sequence[date]) -> None:
        """Have sessions come again that are in memory only: the store lost them, or a write of them."""
        if not self._store.is_writing:
            for session in sessions:
                if not self._source.is_stored(session):
                    self._cache.drop(session)

    async def _ask_again(self, sessions: Sequence[date], report: Report) -> None:
        """Ask once more for sessions that may have changed; those that do not come are asked for by the next sync."""
        early = [session for session in await self._store.provisional() if session in sessions]
        asking = {asyncio.create_task(self._restated(session)) for session in early}
        try:
            while asking:
                _, asking = await asyncio.wait(asking, timeout=TICK_S)
                if asking:
                    eta_s = self._source.pace.eta_s(len(asking), 0, 0.0)
                    await report(SyncState(len(sessions) - len(asking), len(sessions), eta_s))
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _restated(self, session: date) -> None:
        log = structlog.get_logger()
        try:
            bars = await self._source.fetched_again(session)
        except TechnicError as error:
            log.warning("session_not_confirmed", session=str(session), error=str(error))
            return
        if bars is None:
            log.warning("session_not_confirmed", session=str(session), error="it came with far fewer bars")
        elif session in self._cache:
            self._cache.put(bars)

    async def holes(self, history_count: int) -> StoreHoles:
        """Look for holes in the window of the newest completed session.

        Raises:
            LocalDataError: there is no store, or it cannot be read.
        """
        await self._store.refresh()
        status, newest = await status_of(self._store), self._source.latest_session()
        stored = set(status.sessions)
        missing = tuple(session for session in sessions_of(newest, history_count) if session not in stored)
        return StoreHoles(status, newest, missing)
