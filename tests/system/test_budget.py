"""What a scan answers under budgets that are too short, just long enough, or longer than it needs, and when.

The provider hangs after as many sessions as a test wants, so that what is there does not depend on the machine's speed.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from services.market.errors import ProviderUnavailableError
from services.market.vocabulary import Flag
from services.rpc.status import from_call
from services.simulator.market import Market
from technic.v1 import vocabulary_pb2
from tests.system.conftest import Scan, Stack, running, simulated, simulated_settings
from tests.system.test_planner import stats
from tests.system.test_store import below, sync

BUDGETS_S = (0.3, 1.0, 3.0, 10.0, 60.0)
LATE_S = 5.0
"""Seconds after its budget by which a scan must have answered on any machine, however busy; the campaign measures."""
HANG_S = 100.0
"""Far longer than every budget that meets it: who waited for the provider would show it."""
GROUPED = "/v2/aggs/grouped"
BUDGET_SPENT = vocabulary_pb2.OmissionReason.OMISSION_REASON_BUDGET_SPENT


def hang(after: int = 0, path: str = "") -> dict[str, object]:
    """Return the fault of a provider that does not answer any more."""
    return {"kind": "slow", "seconds": HANG_S, "path": path, "after": after}


@asynccontextmanager
async def empty_stack(market: Market, folder: Path, *faults: dict[str, object], **terms: Any) -> AsyncIterator[Stack]:
    """Run services with nothing stored over a provider with some faults."""
    async with simulated(market, **terms) as url, running(folder, simulated_settings(url)) as stack:
        stack.provider_url = url
        await stack.fault(*faults)
        yield stack


async def scan_within(stack: Stack, budget_s: float, **fields: Any) -> Scan:
    """Scan; every symbol must have its one outcome, and the answer must come in time."""
    budget = Duration()
    budget.FromNanoseconds(round(budget_s * 1e9))
    began = time.monotonic()
    scan = await stack.scan(budget=budget, include_ledger=True, top_count=0, **fields)
    assert time.monotonic() - began < budget_s + LATE_S
    omitted = [omission.symbol for omission in scan.result.omissions]
    assert len({*scan.symbols, *omitted}) == len(scan.symbols) + len(omitted) == scan.result.requested_count
    assert (len(scan.symbols), len(omitted)) == (scan.result.scored_count, scan.result.omitted_count)
    assert scan.order.count("result") == 1
    assert scan.order[-1] == "result"
    return scan


def reasons(scan: Scan) -> set[int]:
    """Return why symbols were left out."""
    return {omission.reason for omission in scan.result.omissions}


def noticed(scan: Scan, words: str) -> bool:
    """Tell whether a notice has these words."""
    return any(words in notice for notice in scan.result.notices)


@pytest.mark.parametrize("budget_s", BUDGETS_S)
async def test_with_bars_in_memory_a_scan_ends_long_before_its_budget(budget_s: float, stack: Stack) -> None:
    usual = (await stack.scan()).result
    began = time.monotonic()
    scan = await scan_within(stack, budget_s, profile="none")
    if budget_s >= 10:
        assert time.monotonic() - began < budget_s / 2
        assert not scan.result.budget_spent
    # A machine too busy for 0.3 s may leave symbols out: as named ones, never as another result.
    assert scan.result.budget_spent or scan.result.result_hash == usual.result_hash


@pytest.mark.parametrize("budget_s", [0.3, 1.0])
async def test_with_nothing_at_all_there_are_no_symbols_and_it_says_so(
    budget_s: float, market: Market, tmp_path: Path
) -> None:
    async with empty_stack(market, tmp_path, hang()) as stack:
        scan = await scan_within(stack, budget_s)
    assert (scan.result.requested_count, scan.symbols) == (0, [])
    assert (scan.result.as_of, scan.result.simulated, scan.result.budget_spent) == ("2025-09-30", True, True)
    assert noticed(scan, "no symbol is known yet")
    assert noticed(scan, "0 of 300 sessions")


async def test_with_nothing_at_all_named_symbols_ran_out_of_budget(market: Market, tmp_path: Path) -> None:
    names = {"AAPL", "MSFT", "SPY"}
    async with empty_stack(market, tmp_path, hang()) as stack:
        whole = await scan_within(stack, 0.5, symbols=sorted(names), exchanges=["NASDAQ"])
    assert {omission.symbol for omission in whole.result.omissions} == names
    assert reasons(whole) == {BUDGET_SPENT}
    assert whole.result.budget_spent


async def test_without_the_list_the_symbols_are_those_of_the_newest_session(market: Market, tmp_path: Path) -> None:
    async with empty_stack(market, tmp_path, hang(path="/v3/reference/tickers"), hang(50, GROUPED)) as stack:
        scan = await scan_within(stack, 2.0)
    assert scan.result.requested_count > 100
    assert reasons(scan) == {BUDGET_SPENT}
    assert noticed(scan, "the symbols are those that traded on 2025-09-30")


async def test_a_universe_without_the_list_is_no_whole_result_however_many_sessions_came(
    market: Market, tmp_path: Path
) -> None:
    async with empty_stack(market, tmp_path, hang(path="/v3/reference/tickers")) as stack:
        scan = await scan_within(stack, 3.0)
        named = await scan_within(stack, 3.0, symbols=scan.symbols[:2])
        await stack.fault()
    assert (scan.result.sessions_ready, scan.result.reference_list_missing) == (300, True)
    assert scan.symbols
    assert scan.result.budget_spent
    # Whoever names symbols has all of them.
    assert (named.result.budget_spent, named.result.reference_list_missing) == (False, True)


@pytest.mark.parametrize("there", [1, 205])
async def test_before_enough_sessions_there_is_no_row(there: int, market: Market, tmp_path: Path) -> None:
    async with empty_stack(market, tmp_path, hang(there, GROUPED)) as stack:
        scan = await scan_within(stack, 1.5)
        found = await stats(stack)
    assert scan.symbols == []
    assert scan.result.requested_count > 100
    assert reasons(scan) == {BUDGET_SPENT}
    assert scan.result.budget_spent
    assert 0 < scan.result.sessions_ready <= found.session_count <= there
    assert noticed(scan, "of 300 sessions")


async def test_with_enough_sessions_rows_come_early_and_say_so(market: Market, tmp_path: Path) -> None:
    async with empty_stack(market, tmp_path, hang(260, GROUPED)) as stack:
        scan = await scan_within(stack, 3.0)
    assert 210 <= scan.result.sessions_ready < 300
    assert scan.result.budget_spent
    assert scan.symbols
    assert all(flags & Flag.EARLY_HISTORY for batch in scan.rows for flags in batch.flags)
    assert noticed(scan, f"{scan.result.sessions_ready} of 300 sessions")


async def test_after_a_restart_a_provider_that_hangs_costs_nothing(market: Market, tmp_path: Path) -> None:
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path=str(tmp_path / "bars.sqlite3"))
        async with running(below(tmp_path, "one"), settings) as stack:
            await sync(stack)
            usual = (await stack.scan()).result
        async with running(below(tmp_path, "two"), settings) as stack:
            stack.provider_url = url
            await stack.fault(hang())
            brief = await scan_within(stack, 0.3)
            scan = await scan_within(stack, 10.0)
    assert brief.result.as_of == "2025-09-30"
    assert not scan.result.budget_spent
    assert scan.result.result_hash == usual.result_hash


async def test_what_a_short_scan_began_goes_on_by_itself(market: Market, tmp_path: Path) -> None:
    async with empty_stack(market, tmp_path, latency_s=0.15) as stack:
        scan = await scan_within(stack, 1.0)
        assert scan.symbols == []
        assert scan.result.budget_spent
        async with asyncio.timeout(30):
            while True:
                found = await stats(stack)
                if found.session_count == 300:
                    break
                await asyncio.sleep(0.02)
        whole = await scan_within(stack, 20.0)
    assert not whole.result.budget_spent
    assert whole.result.cache_hit_count == 300


@pytest.mark.parametrize("budget_s", [1.0, 3.0])
async def test_a_provider_that_is_down_with_nothing_stored_is_a_typed_error_in_time(
    budget_s: float, market: Market, tmp_path: Path
) -> None:
    async with empty_stack(market, tmp_path, {"kind": "reset"}) as stack:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await scan_within(stack, budget_s)
    assert isinstance(from_call(raised.value, "gateway"), ProviderUnavailableError)


@pytest.mark.parametrize(
    "faults", [[{"kind": "status", "status": 503, "times": 15}], [{"kind": "drip", "seconds": 0.05}]]
)
async def test_faults_that_pass_leave_the_result_as_it_is(
    faults: Sequence[dict[str, object]], stack: Stack, market: Market, tmp_path: Path
) -> None:
    usual = (await stack.scan()).result
    async with empty_stack(market, tmp_path, *faults) as faulty:
        scan = await scan_within(faulty, 30.0)
    assert not scan.result.budget_spent
    assert scan.result.result_hash == usual.result_hash


async def test_models_that_hang_leave_a_short_scan_time_to_score(market: Market, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "inference"))
        silent.listen()
        async with simulated(market) as url:
            async with running(tmp_path, simulated_settings(url), without=("inference",)) as stack:
                scan = await scan_within(stack, 4.0)
    assert scan.symbols
    assert noticed(scan, "no alphas")
