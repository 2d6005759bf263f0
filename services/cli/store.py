"""Has the fetcher fill and check its store, and shows what is there."""

import asyncio
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import grpc

from services.cli import exits
from services.cli.answer import ScanStep
from services.cli.progress import ProgressView, open_view
from services.cli.readiness import wait_until_ready
from services.cli.stack import Stack
from services.cli.table import SIMULATED_LABEL
from services.cli.target import Target
from services.market.errors import LocalDataError, ServiceUnavailableError
from services.rpc.status import from_call
from technic.v1 import fetcher_service_pb2 as pb
from technic.v1 import fetcher_service_pb2_grpc

SYNC_S: Final = 24 * 3600.0
"""Seconds that a sync may take: 2,000 sessions on the slowest plan take 7 hours."""
VERIFY_S: Final = 3600.0
STATUS_S: Final = 30.0
_LISTED: Final = 10


def run_sync(target: Target, as_of: str, count: int) -> int:
    """Sync, say what is stored, and return the exit code.

    Args:
        target: the fetcher.
        as_of: ISO date of the last session; empty for the newest one.
        count: number of sessions.

    Raises:
        TechnicError: the sync failed; what it stored stays.
    """
    with open_view(sys.stderr) as view:
        done = asyncio.run(_sync(target, pb.SyncStoreRequest(as_of=as_of, history_count=count), view))
    plan = f", plan {done.plan}" if done.plan else ""
    print_market(simulated=done.simulated)
    print(
        f"{done.sessions_ready} of {done.sessions_wanted} sessions up to {done.as_of} are stored "
        f"({done.provider}{plan}), {done.provider_request_count:,} provider calls"
    )
    return exits.OK


def run_status(target: Target, count: int) -> int:
    """Print what is stored; arguments and errors as of `run_sync`."""
    with open_view(sys.stderr) as view:
        found = asyncio.run(_status(target, pb.GetStoreStatusRequest(history_count=count), view))
    print_market(simulated=found.simulated)
    print(f"store     {found.path}")
    print(f"provider  {found.provider}, newest session {found.newest_session}")
    between = f", {found.first_session} to {found.last_session}" if found.session_count else ""
    print(f"sessions  {found.session_count:,}{between}")
    print(f"symbols   {found.symbol_count:,}")
    print(f"size      {found.byte_count / 1e6:,.1f} MB")
    print(f"missing   {_missing(list(found.missing_sessions))} of the newest {count} sessions")
    print(f"keeps     the newest {found.retention_count:,} sessions")
    print(f"restated  {found.restated_bar_count:,} bars")
    print(f"damaged   {len(found.quarantined_rows) or 'none'}{' put aside' if found.quarantined_rows else ''}")
    _print_damaged(found.quarantined_rows)
    return exits.OK


def run_verify(target: Target) -> int:
    """Have everything checked, say what was found, and return the exit code: DAMAGED if a row was; errors as above."""
    with open_view(sys.stderr) as view:
        done = asyncio.run(_verify(target, view))
    if not done.damaged_rows:
        print(f"{done.checked_count:,} rows checked, all as they were written")
        return exits.OK
    print(f"{done.checked_count:,} rows checked, {len(done.damaged_rows):,} damaged and put aside:")
    _print_damaged(done.damaged_rows)
    print("the next `technic data sync` fetches them again")
    return exits.DAMAGED


def find_store(target: Target) -> pb.GetStoreStatusResponse:
    """Ask a fetcher for its store, which has to lie on this machine; arguments and errors as of `run_sync`.

    Raises:
        LocalDataError: it does not lie here.
    """
    with open_view(sys.stderr) as view:
        found = asyncio.run(_status(target, pb.GetStoreStatusRequest(), view))
    if not Path(found.path).is_file():
        raise LocalDataError(
            f"the store {found.path} of the fetcher at {target.address} is not on this machine: "
            "run this command over there"
        )
    return found


def _print_damaged(rows: Iterable[pb.QuarantinedRow]) -> None:
    for row in rows:
        found_at = datetime.fromtimestamp(row.found_at, UTC)
        print(f"  {row.row}: {row.damage} (found {found_at:%Y-%m-%d %H:%M} UTC)")


def _missing(sessions: list[str]) -> str:
    if not sessions:
        return "none"
    shown = ", ".join(sessions[-_LISTED:])
    return f"{len(sessions)} ({'..., ' if len(sessions) > _LISTED else ''}{shown})"


def print_market(*, simulated: bool) -> None:
    """Say on stdout that bars are simulated, if they are."""
    if simulated:
        print(SIMULATED_LABEL)


async def _sync(target: Target, request: pb.SyncStoreRequest, view: ProgressView) -> pb.SyncStoreResponse:
    await _ready(target.stack, view)
    began, ready_before = time.monotonic(), -1
    async with target.open() as channel:
        call = fetcher_service_pb2_grpc.FetcherServiceStub(channel).SyncStore(request, timeout=SYNC_S)
        state: pb.SyncStoreResponse | None = None
        try:
            async for state in call:
                ready_before = state.sessions_ready if ready_before < 0 else ready_before
                view.stepped(_step(state, state.sessions_ready - ready_before, time.monotonic() - began))
        except grpc.aio.AioRpcError as error:
            _check(target.stack)
            raise from_call(error, f"fetcher at {target.address}") from None
        finally:
            call.cancel()
    if state is None or state.sessions_ready < state.sessions_wanted:
        raise ServiceUnavailableError("the fetcher ended its answer before all was stored: see its log")
    return state


async def _status(target: Target, request: pb.GetStoreStatusRequest, view: ProgressView) -> pb.GetStoreStatusResponse:
    await _ready(target.stack, view)
    async with target.open() as channel:
        try:
            stub = fetcher_service_pb2_grpc.FetcherServiceStub(channel)
            found: pb.GetStoreStatusResponse = await stub.GetStoreStatus(request, timeout=STATUS_S)
        except grpc.aio.AioRpcError as error:
            _check(target.stack)
            raise from_call(error, f"fetcher at {target.address}") from None
    return found


async def _verify(target: Target, view: ProgressView) -> pb.VerifyStoreResponse:
    await _ready(target.stack, view)
    began = time.monotonic()
    async with target.open() as channel:
        call = fetcher_service_pb2_grpc.FetcherServiceStub(channel).VerifyStore(
            pb.VerifyStoreRequest(), timeout=VERIFY_S
        )
        state: pb.VerifyStoreResponse | None = None
        try:
            async for state in call:
                view.stepped(_check_step(state, time.monotonic() - began))
        except grpc.aio.AioRpcError as error:
            _check(target.stack)
            raise from_call(error, f"fetcher at {target.address}") from None
        finally:
            call.cancel()
    if state is None or not state.done:
        raise ServiceUnavailableError("the fetcher ended its answer before all was checked: see its log")
    return state


async def _ready(stack: Stack | None, view: ProgressView) -> None:
    if stack is not None:
        view.starting(tuple(process.name for process in stack.processes))
        await wait_until_ready(stack, view.ready)


def _check(stack: Stack | None) -> None:
    """Raise the error of a process of ours that has ended: it knows better why."""
    if stack is not None:
        stack.check()


def _check_step(state: pb.VerifyStoreResponse, elapsed_s: float) -> ScanStep:
    return ScanStep(
        stage="verify",
        unit="rows",
        done_count=state.checked_count,
        total_count=state.total_count,
        rate=state.checked_count / elapsed_s if elapsed_s > 0 else 0.0,
        eta_s=None,
        elapsed_s=elapsed_s,
        budget_left_s=None,
        provider_request_count=0,
        scored_count=0,
    )


def _step(state: pb.SyncStoreResponse, come_count: int, elapsed_s: float) -> ScanStep:
    return ScanStep(
        stage="sync",
        unit="sessions",
        done_count=state.sessions_ready,
        total_count=state.sessions_wanted,
        rate=come_count / elapsed_s if elapsed_s > 0 else 0.0,
        eta_s=state.eta_seconds if state.HasField("eta_seconds") else None,
        elapsed_s=elapsed_s,
        budget_left_s=None,
        provider_request_count=state.provider_request_count,
        scored_count=0,
    )
