"""The models' part of a scan: asked for their alphas block by block. Without them the scan goes on, and says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from services.gateway.exchange import SERVICE
from services.gateway.models import check_features
from services.gateway.scored import NOTHING, Scored
from services.market.errors import BudgetSpentError, ServiceUnavailableError, TechnicError

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
        self._queue: asyncio.Queue[ScoredBlock | None] = asyncio.Queue()
        self._sending: asyncio.Task[AlphaStream] | None = None
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
            self.give_up(error)

    def check(self, columns: Mapping[str, int]) -> None:
        """Hold the models against the columns that the scorer gives: version of the formula by column."""
        try:
            check_features(self.models, columns)
        except TechnicError as error:
            self.give_up(error)

    def open_stream(self, within_s: float) -> AlphaStream | None:
        """Open a stream of blocks by itself, to be ended by the caller; None without models."""
        return self._client.stream(self.models, within_s) if self.models else None

    def send(self, block: ScoredBlock, within_s: float) -> None:
        """Have the models asked for the alphas of a block; whoever scores does not wait for them."""
        if not block.symbols:
            return
        self._sent.add(block)
        if self._sending is not None:
            self._queue.put_nowait(block)
        elif self.models:
            self._begin(within_s)

    async def finish(self, within_s: float) -> Predictions:
        """Return what the models said of all blocks, in their order. A server that died is asked again, once."""
        until = asyncio.get_running_loop().time() + within_s
        for attempt in range(1, TRIES + 1):
            if self._sending is None or not self.models:
                return NOTHING
            try:
                return await self._said(self._sending, until)
            except ServiceUnavailableError as error:
                if attempt == TRIES:
                    self.give_up(error)
                else:
                    structlog.get_logger().warning("inference_lost", error=error.message)
                    self._begin(until - asyncio.get_running_loop().time())
            except TechnicError as error:
                self.give_up(error)
        return NOTHING

    def ahead_of(self, as_of: date) -> tuple[Model, ...]:
        """Return the models that learned from sessions after `as_of`: they know what followed."""
        return tuple(model for model in self.models if model.looks_ahead(as_of))

    def give_up(self, error: TechnicError) -> None:
        """Go on without alphas, and say why."""
        self.models = ()
        self.notices.append(f"no alphas, their weight went to TechRating: {error.message}")
        structlog.get_logger().warning("no_alphas", error=error.message)

    async def close(self) -> None:
        """End what is still on its way."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._stream is not None:
            await self._stream.cancel()

    def _begin(self, within_s: float) -> None:
        """Send all blocks so far, and those to come."""
        self._queue = asyncio.Queue()
        for block in self._sent.blocks:
            self._queue.put_nowait(block)
        self._sending = asyncio.create_task(self._send_all(self._queue, within_s))

    async def _send_all(self, queue: asyncio.Queue[ScoredBlock | None], within_s: float) -> AlphaStream:
        """Send blocks until there comes none; return the stream that they went into."""
        left_s = await self._client.connect(max(0.0, within_s))
        self._stream = stream = self._client.stream(self.models, left_s)
        while (block := await queue.get()) is not None:
            await stream.send(block.columns, len(block.symbols))
        return stream

    async def _said(self, sending: asyncio.Task[AlphaStream], until: float) -> Predictions:
        self._queue.put_nowait(None)
        try:
            async with asyncio.timeout_at(until):
                stream = await sending
        except TimeoutError:
            raise BudgetSpentError(f"the {SERVICE} did not take all blocks in time") from None
        return await stream.finish()
