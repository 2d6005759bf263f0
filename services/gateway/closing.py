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
        self._waits: dict[asyncio.Timeout, float] = {}

    def __repr__(self) -> str:
        return f"Closing({len(self._waits)} waits, until {self._until})"

    def begin(self, within_s: float) -> None:
        """Let all waits, those that began and those to come, end in time for an answer in `within_s`."""
        self._until = asyncio.get_running_loop().time() + max(0.0, within_s - ANSWER_S)
        for wait, later_s in self._waits.items():
            wait.reschedule(self._until + later_s)

    @asynccontextmanager
    async def bound(self, later_s: float = 0.0) -> AsyncIterator[None]:
        """Wait for something inside of this.

        Args:
            later_s: seconds of ANSWER_S that it may take as well.

        Raises:
            ClosingError: the gateway is going, and it did not come.
        """
        try:
            async with asyncio.timeout_at(None if self._until is None else self._until + later_s) as wait:
                self._waits[wait] = later_s
                try:
                    yield
                finally:
                    del self._waits[wait]
        except TimeoutError:
            if not wait.expired():
                raise
            raise ClosingError("the gateway is stopping: ask again, or ask another one", retry_after_s=0.0) from None
