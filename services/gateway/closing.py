"""The end of a gateway: scans that still run answer with what they have, before their calls are cut."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from services.market.errors import ServiceUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANSWER_S: Final = 1.0
"""Seconds of the drain that ranking and sending the rows get."""


class ClosingError(ServiceUnavailableError):
    """The gateway is going, and whatever was waited for did not come before."""


class Closing:
    """Ends what scans wait for once the gateway is told to stop."""

    def __init__(self) -> None:
        self._until: float | None = None
        self._waits: set[asyncio.Timeout] = set()

    def __repr__(self) -> str:
        return f"Closing({len(self._waits)} waits, until {self._until})"

    def begin(self, within_s: float) -> None:
        """Let all waits, those that began and those to come, end in time for an answer in `within_s`."""
        self._until = asyncio.get_running_loop().time() + max(0.0, within_s - ANSWER_S)
        for wait in self._waits:
            wait.reschedule(self._until)

    @asynccontextmanager
    async def bound(self) -> AsyncIterator[None]:
        """Wait for something inside of this.

        Raises:
            ClosingError: the gateway is going, and it did not come.
        """
        try:
            async with asyncio.timeout_at(self._until) as wait:
                self._waits.add(wait)
                try:
                    yield
                finally:
                    self._waits.discard(wait)
        except TimeoutError:
            if not wait.expired():
                raise
            raise ClosingError("the gateway is stopping: ask again, or ask another one") from None
