"""Provisional rows while a scan runs: the best of what is scored so far, at most four times a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from services.gateway.conclude import gather, ranked
from services.gateway.outcome import Preview
from services.gateway.scored import NOTHING, Predictions, Scored
from services.market.errors import TechnicError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from services.gateway.alphas import AlphaStream
    from services.gateway.clients import ScoredBlock
    from services.gateway.request import ScanRequest
    from services.gateway.universe import Listing
    from services.market.scoring import ScoringConfig

    Emit = Callable[[Preview], Awaitable[None]]

PERIOD_S = 0.25
"""Seconds between two previews."""


class Previews:
    """Gives previews of one scan.

    Early blocks, which lack sessions that are still to come, make a preview, with alphas of their own, once all symbols
    are there; they may come again with more sessions. Blocks make previews without alphas, which come at the end only;
    behind early ones they make none, for the final rows are near.

    Args:
        request: what the scan is asked for.
        config: weights and thresholds.
        listing: session and symbols.
        emit: takes previews.
        until: the loop's time after which none is made.
    """

    def __init__(self, request: ScanRequest, config: ScoringConfig, listing: Listing, emit: Emit, until: float) -> None:
        self._request = request
        self._config = config
        self._listing = listing
        self._emit = emit
        self._until = until
        self._early = Scored()
        self._alphas: AlphaStream | None = None
        self._shown_early = False
        self._due = 0.0

    def __repr__(self) -> str:
        return f"Previews({self._early!r} early)"

    async def take_early(self, block: ScoredBlock, open_stream: Callable[[], AlphaStream | None]) -> None:
        """Keep an early block, and ask for its alphas; `open_stream` gives where to, None without models."""
        if not len(self._early):
            self._alphas = open_stream()
        self._early.add(block)
        if self._alphas is not None and block.symbols:
            await self._alphas.send(block.columns, len(block.symbols))

    async def show_early(self, columns: Collection[str]) -> None:
        """Give the preview of the early blocks, if there are any: something else came, so they are all there."""
        if len(self._early):
            self._shown_early = True
            scored, self._early = self._early, Scored()
            await self._show(scored, columns, await self._early_predictions())

    async def show(self, scored: Scored, columns: Collection[str]) -> None:
        """Give a preview of the blocks so far, if it is time for one."""
        if not self._shown_early and asyncio.get_running_loop().time() >= self._due:
            await self._show(scored, columns, NOTHING)

    async def close(self) -> None:
        """End what is still on its way."""
        if self._alphas is not None:
            await self._alphas.cancel()

    async def _early_predictions(self) -> Predictions:
        try:
            return await self._alphas.finish() if self._alphas is not None else NOTHING
        except TechnicError as error:
            structlog.get_logger().warning("no_alphas_in_preview", error=error.message)
            return NOTHING

    async def _show(self, scored: Scored, columns: Collection[str], predictions: Predictions) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() > self._until:
            return

        def make() -> Preview:
            candidates = gather(self._request, scored, columns, self._listing.attributes, predictions)
            return Preview(self._listing, *ranked(self._request, self._config, candidates))

        await self._emit(await asyncio.to_thread(make))
        self._due = loop.time() + PERIOD_S
