"""A timer whose time passes only when somebody sleeps."""

import asyncio


class FakeTimer:
    """Sleeping moves the time at once. The sleeps are kept in `slept`."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def time(self) -> float:
        """Return the seconds since some fixed moment."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass and others run."""
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
