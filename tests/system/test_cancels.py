"""Scans that are cancelled at random moments: they stop asking the provider, and leave nothing behind."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from services.simulator.market import Market
from technic.v1 import gateway_service_pb2 as pb
from tests.system.conftest import Stack, running, simulated, simulated_settings

CANCELS = 100
LATEST_S = 0.04
"""Seconds after the call by which a scan is cancelled; some are over by then."""
END_S = 20.0
"""Seconds after which nothing may be left, however busy the machine is."""
REPAIRED = 300
"""Symbols without bars, which take a call each."""
IN_FLIGHT = 20
"""Calls at once."""
LATENCY_S = 0.1


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something, for END_S at most."""
    async with asyncio.timeout(END_S):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.01)


async def idle(task_count: int) -> None:
    """Wait until no more than so many tasks are left in this process, which all the services share."""

    async def holds() -> bool:
        return len(asyncio.all_tasks()) <= task_count

    await until(holds)


async def cancelled(stack: Stack, moment: Awaitable[Any], **fields: Any) -> bool:
    """Scan, and cancel the call at some moment; return whether it was not over before that."""

    async def read() -> None:
        async for _ in call:
            pass

    call = stack.stub.ScanUniverse(pb.ScanUniverseRequest(**fields), timeout=60)
    reading, waiting = asyncio.create_task(read()), asyncio.ensure_future(moment)
    await asyncio.wait((reading, waiting), return_when=asyncio.FIRST_COMPLETED)
    broken_off = bool(call.cancel())
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    await asyncio.gather(waiting, return_exceptions=True)
    return broken_off


async def range_calls(stack: Stack) -> int:
    """Return how many calls for single symbols came."""
    return int((await stack.calls())["counts"].get("history", 0))


def descriptor_count() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_after_a_hundred_cancels_nothing_is_left(market: Market, tmp_path: Path) -> None:
    moments = random.Random(11)  # noqa: S311 - repeatable choices
    forgetful: dict[str, Any] = {"gateway": {"cache_mb": 0}}
    async with simulated(market) as url, running(tmp_path, simulated_settings(url), **forgetful) as stack:
        usual = (await stack.scan()).result
        await stack.scan()
        tasks, descriptors = len(asyncio.all_tasks()), descriptor_count()
        cancels = [await cancelled(stack, asyncio.sleep(moments.uniform(0, LATEST_S))) for _ in range(CANCELS)]
        await idle(tasks)
        again = (await stack.scan()).result
        await idle(tasks)
        assert descriptor_count() <= descriptors
    assert sum(cancels) >= CANCELS / 10
    assert again.result_hash == usual.result_hash
    assert not again.budget_spent


async def test_a_cancelled_scan_asks_for_no_further_symbol(market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=LATENCY_S) as url, running(tmp_path, simulated_settings(url)) as stack:
        stack.provider_url = url
        await stack.scan()
        await stack.scan()
        tasks, before = len(asyncio.all_tasks()), await range_calls(stack)

        async def asked() -> bool:
            return await range_calls(stack) > before

        await cancelled(stack, until(asked), symbols=[f"Q{number}" for number in range(REPAIRED)])
        await idle(tasks)
        begun = await range_calls(stack)
    # Had it gone on, there would be no quiet before the last of them.
    assert before < begun <= before + REPAIRED / 2


async def test_a_sync_that_a_cancelled_scan_began_goes_on(market: Market, tmp_path: Path) -> None:
    async with simulated(market, latency_s=LATENCY_S) as url, running(tmp_path, simulated_settings(url)) as stack:
        stack.provider_url = url

        async def grouped(count: int) -> bool:
            return int((await stack.calls())["counts"].get("grouped", 0)) >= count

        await cancelled(stack, until(lambda: grouped(IN_FLIGHT)))
        # Nobody scans now; one call more holds the splits against the provider's own adjusted bars.
        await until(lambda: grouped(300))
        assert (await stack.scan()).result.sessions_ready == 300
