"""The models' part of a scan: asked for their alphas block by block. Without them the scan goes on, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.gateway.models import check_features
from services.gateway.scored import NOTHING, Scored
from services.market.errors import ServiceUnavailableError, TechnicError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from services.gateway.alphas import AlphaStream, InferenceClient
    from services.gateway.clients import ScoredBlock
    from services.gateway.models import Model
    from services.gateway.scored import Predictions

TRIES = 2
"""How often the blocks are sent at most: a server that died may have left another one."""


class Forecast:
    """Asks the models of one scan.

    Args:
        client: to their server.

    Attributes:
        models: those that are asked; empty without any.
        notices: why there are none.
    """

    def __init__(self, client: InferenceClient) -> None:
        self._client = client
        self._stream: AlphaStream | None = None
        self._sent = Scored()
        self.models: tuple[Model, ...] = ()
        self.notices: list[str] = []

    def __repr__(self) -> str:
        return f"Forecast({len(self.models)} models, {self._sent!r})"

    async def describe(self, within_s: float) -> None:
        """Find out what models there are."""
        try:
            self.models = await self._client.describe(within_s)
        except TechnicError as error:
            self._give_up(error)

    def check(self, columns: Mapping[str, int]) -> None:
        """Hold the models against the columns that the scorer gives: version of the formula by column."""
        try:
            check_features(self.models, columns)
        except TechnicError as error:
            self._give_up(error)

    def open_stream(self, within_s: float) -> AlphaStream | None:
        """Open a stream of blocks by itself, to be ended by the caller; None without models."""
        return self._client.stream(self.models, within_s) if self.models else None

    async def send(self, block: ScoredBlock, within_s: float) -> None:
        """Ask for the alphas of a block."""
        if not block.symbols:
            return
        if self._stream is None and self.models:
            self._stream = self.open_stream(await self._client.connect(within_s))
        self._sent.add(block)
        if self._stream is not None:
            await self._stream.send(block.columns, len(block.symbols))

    async def finish(self, within_s: float) -> Predictions:
        """Return what the models said of all blocks, in their order. A server that died is asked again, once."""
        for attempt in range(1, TRIES + 1):
            try:
                return await self._stream.finish() if self._stream is not None else NOTHING
            except ServiceUnavailableError as error:
                if attempt == TRIES:
                    self._give_up(error)
                else:
                    structlog.get_logger().warning("inference_lost", error=error.message)
                    await self._again(within_s)
            except TechnicError as error:
                self._give_up(error)
                break
        return NOTHING

    def ahead_of(self, as_of: date) -> tuple[Model, ...]:
        """Return the models that learned from sessions after `as_of`: they know what followed."""
        return tuple(model for model in self.models if model.looks_ahead(as_of))

    async def close(self) -> None:
        """End what is still on its way."""
        if self._stream is not None:
            await self._stream.cancel()

    async def _again(self, within_s: float) -> None:
        self._stream = stream = self.open_stream(await self._client.connect(within_s))
        if stream is not None:
            for block in self._sent.blocks:
                await stream.send(block.columns, len(block.symbols))

    def _give_up(self, error: TechnicError) -> None:
        self.models = ()
        self.notices.append(f"no alphas, their weight went to TechRating: {error.message}")
        structlog.get_logger().warning("no_alphas", error=error.message)
