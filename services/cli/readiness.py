"""Waits until the processes of a stack are ready, and notices at once when one of them ends instead."""

import asyncio
from collections.abc import Callable
from typing import Final

from services.cli import health
from services.cli.process import ServiceProcess
from services.cli.stack import Stack
from services.market.errors import ServiceUnavailableError

READY_S: Final = 60.0
"""Seconds that processes get to become ready: a first start compiles kernels."""
_POLL_S: Final = 0.025

OnReady = Callable[[str, int, int], None]
"""Told of each process that became ready: its name, how many are, how many there are."""


async def wait_until_ready(stack: Stack, on_ready: OnReady, deadline_s: float = READY_S) -> None:
    """Return when every process of the stack is ready.

    Raises:
        InvalidRequestError: a process refused its settings.
        ServiceUnavailableError: a process ended, or was not ready in time.
    """
    waiting = {process.name: process for process in stack.processes}

    async def follow(process: ServiceProcess) -> None:
        await _ready(process)
        del waiting[process.name]
        on_ready(process.name, len(stack.processes) - len(waiting), len(stack.processes))

    try:
        async with asyncio.timeout(deadline_s), asyncio.TaskGroup() as group:
            for process in stack.processes:
                group.create_task(follow(process))
    except TimeoutError:
        words = "; ".join(f"{process.name}: {process.last_words()}" for process in waiting.values())
        raise ServiceUnavailableError(f"not ready after {deadline_s:g} s: {words}") from None
    except ExceptionGroup as ended:
        # One clear line: what ends after the first one mostly ends because of it.
        raise ended.exceptions[0] from None


async def _ready(process: ServiceProcess) -> None:
    """Wait for one process: cheap looks at its address first, as a channel that fails to connect waits longer."""
    address = process.command.address
    while not await _listens(address):
        process.check()
        await asyncio.sleep(_POLL_S)
    while process.command.health and not await health.becomes_serving(address):
        process.check()
        await asyncio.sleep(_POLL_S)


async def _listens(address: str) -> bool:
    try:
        if address.startswith("unix:"):
            _, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True
