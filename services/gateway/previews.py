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
    from collections.abc import Collection

    from services.gateway.alphas import AlphaStream
    from services.gateway.clients import ScoredBlock
    from services.gateway.context import ScanContext
    from services.gateway.universe import Listing

PERIOD_S = 0.25
"""Seconds between two previews."""


class Previews:
    """Gives previews of one scan.

    Early blocks, which lack sessions that are still to come, make a preview, with alphas of their own, once all symbols
    are there; they may come again with more sessions. Blocks make previews without alphas, which come at the end only;
    behind early ones they make none, for the final rows are near.

    Args:
        context: the scan.
        listing: session and symbols.
    """

    def __init__(self, context: ScanContext, listing: Listing) -> None:
        self._context = context
        self._listing = listing
        self._early = Scored()
        self._alphas: AlphaStream | None = None
        self._shown_early = False
        self._due = 0.0

    def __repr__(self) -> str:
        return f"Previews({self._early!r} early)"

    async def take_early(self, block: ScoredBlock) -> None:
        """Keep an early block, and ask for its alphas."""
        if not len(self._early):
            self._alphas = self._context.forecast.open_stream(self._context.left_s)
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
        """Give a preview of the blocks so far, if it is time for one and the last of them has rows."""
        due = not self._shown_early and asyncio.get_running_loop().time() >= self._due
        if due and scored.blocks[-1].symbols:
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
        if not self._context.left_s:
            return

        def make() -> Preview:
            candidates = gather(self._context.request, scored, columns, self._listing.attributes, predictions)
            return Preview(self._listing, *ranked(self._context.request, self._context.tools.config, candidates))

        await self._context.emit(await asyncio.to_thread(make))
        self._due = asyncio.get_running_loop().time() + PERIOD_S
