"""Time that passes, as limits and retries need it: injected, so that tests wait for nothing."""

import asyncio
from typing import Protocol


class Timer(Protocol):
    """Monotonic time in seconds."""

    def time(self) -> float:
        """Return the seconds since some fixed moment."""

    async def sleep(self, seconds: float) -> None:
        """Wait; 0 lets others run first."""


class LoopTimer:
    """The time of the running event loop."""

    def time(self) -> float:
        """Return the loop's time, in seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the loop."""
        await asyncio.sleep(seconds)
