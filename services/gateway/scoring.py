"""Steps 3 and 4 of a scan: factors from the scorer, and what the models say of them. Previews go out meanwhile.

What came once is remembered: while the scorer has the same rows it sends none, and the models are not asked again. What
a scorer that died did not give is asked of another one, once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from services.gateway import cross_section
from services.gateway.clients import EarlyBlock, FetchState, Header, RowsVersion, ScoredBlock
from services.gateway.closing import ANSWER_S, ClosingError
from services.gateway.previews import Previews
from services.gateway.progress import Stage
from services.gateway.remembered import Remembered, ScoreRequest
from services.gateway.request import require_names
from services.gateway.scored import NOTHING, Scored
from services.market.errors import BudgetSpentError, ConfigMismatchError, ServiceUnavailableError

if TYPE_CHECKING:
    from services.gateway.clients import ScoreEvent, Scoring
    from services.gateway.context import ScanContext
    from services.gateway.ledger import Ledger
    from services.gateway.universe import Listing


PAUSE_S = 0.1
"""Seconds that a scorer which is not connected yet gets before it is asked in place of one that died."""


CLOSING = "the gateway was told to stop and answered with what was there: ask again for the rest"


class UniverseScoring:
    """Scores the symbols of one scan.

    Args:
        context: the scan.
        listing: session and symbols.
        ledger: is told who is omitted.

    Attributes:
        columns: version of the formula by column; empty until the scorer tells.
        scored: the blocks.
        predictions: what the models said of them.
        notices: why not all was waited for, if the gateway was told to stop.
    """

    def __init__(self, context: ScanContext, listing: Listing, ledger: Ledger) -> None:
        self._context = context
        self._listing = listing
        self._ledger = ledger
        self._tracker = context.tracker
        self._forecast = context.forecast
        self._began = context.tracker.elapsed()
        self._total_count = 0
        self._known: Remembered | None = None
        self._said = NOTHING
        self._versioned: tuple[str, int] | None = None
        self.columns: dict[str, int] = {}
        self.scored = Scored()
        self.predictions = NOTHING
        self.notices: tuple[str, ...] = ()

    async def run(self, symbols: tuple[str, ...]) -> Scoring | None:
        """Score symbols and have the models predict; None if the budget, or the gateway's own end, ended that.

        Raises:
            TechnicError: the scorer, or the fetcher behind it, failed.
        """
        request = ScoreRequest(symbols, self._listing.as_of, self._listing.provisional, self._context.request.weekly)
        self._began, self._total_count = self._tracker.elapsed(), len(symbols)
        self._known = self._context.tools.remembered.get(request)
        try:
            async with self._context.tools.closing.bound():
                scoring = await self._factors(request)
        except BudgetSpentError:
            scoring = None
        except ClosingError:
            scoring, self.notices = None, (CLOSING,)
        finally:
            self._tracker.timed("score", self._began)
        await self._predict()
        self._remember(request)
        return scoring

    async def _factors(self, request: ScoreRequest) -> Scoring:
        """Stream the blocks, from another scorer if one dies."""
        try:
            return await self._stream(request, self._known.version if self._known else "")
        except ServiceUnavailableError as error:
            missing = self._missing(request.symbols)
            structlog.get_logger().warning("scorer_lost", error=error.message, missing_count=len(missing))
        await asyncio.sleep(min(PAUSE_S, self._context.left_s))
        # Without a missing symbol there is still the end to be told: the regime, and what fetching took.
        again = request._replace(symbols=missing or request.symbols[:1])
        scoring = await self._stream(again, "", keep_blocks=bool(missing))
        self._versioned = None  # What came is of two requests.
        return scoring

    def _missing(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """Return the symbols that have neither a row nor an omission yet."""
        scored = {symbol for block in self.scored.blocks for symbol in block.symbols}
        return tuple(symbol for symbol in symbols if symbol not in scored and self._ledger.is_open(symbol))

    async def _stream(self, request: ScoreRequest, known_version: str, *, keep_blocks: bool = True) -> Scoring:
        previews = Previews(self._context, self._listing)

        async def take(event: ScoreEvent) -> None:
            if isinstance(event, ScoredBlock):
                if keep_blocks:
                    await self._take_block(event)
                    await previews.show(self.scored, self.columns)
            elif isinstance(event, RowsVersion):
                await self._take_version(event.version)
            elif isinstance(event, EarlyBlock):
                await previews.take_early(event.block)
            elif isinstance(event, FetchState):
                self._take_state(event)
                await previews.show_early(self.columns)
            else:
                self._take_header(event)

        try:
            return await self._context.tools.scorer.score(request, self._context.left_s, take, known_version)
        finally:
            await previews.close()

    def _take_header(self, header: Header) -> None:
        """Check that the scorer speaks of the same things as the configuration, the models and scorers before it."""
        ours = self._context.tools.config.config_hash
        if header.config_hash != ours or (self.columns and self.columns != header.column_versions):
            raise ConfigMismatchError("the scorer runs with another scoring configuration: deploy one version of both")
        self.columns = header.column_versions
        require_names(self._context.request, (*self.columns, *cross_section.NAMES))
        self._forecast.check(self.columns)

    def _take_state(self, state: FetchState) -> None:
        requests = max(0, state.request_total - self._listing.request_total)
        if state.symbols_wanted:
            self._tracker.fetched_symbols(state.symbols_ready, state.symbols_wanted, requests)
        else:
            self._tracker.fetched(state.ready_count, state.wanted_count, requests)

    async def _take_block(self, block: ScoredBlock, *, predicted: bool = False) -> None:
        if self._tracker.stage is not Stage.SCORE:
            self._tracker.timed("fetch", self._began)
            self._tracker.enter(Stage.SCORE, self._total_count)
        for omission in block.omissions:
            self._ledger.omit(omission)
        self.scored.add(block)
        self._tracker.scored(len(block.symbols) + len(block.omissions), len(block.symbols))
        if not predicted:
            self._forecast.send(block, self._context.forecast_s)

    async def _take_version(self, version: str) -> None:
        """Take the blocks that are known already if they were left out; those so far are to be remembered."""
        known = self._known
        if known is not None and known.version == version and not len(self.scored):
            predicted = known.said_by(self._forecast.models)
            self._said = known.predictions if predicted else NOTHING
            for block in known.blocks:
                await self._take_block(block, predicted=predicted)
        self._versioned = (version, len(self.scored))

    async def _predict(self) -> None:
        """Take the alphas; without them their weight goes to TechRating."""
        began, said = self._tracker.elapsed(), NOTHING
        try:
            async with self._context.tools.closing.bound(ANSWER_S / 2):
                said = await self._forecast.finish(self._context.forecast_s)
        except ClosingError as error:
            self._forecast.give_up(error)
        self.predictions = self._said.then(said) if self._said.alphas and self._forecast.models else said
        self._tracker.timed("infer", began)

    def _remember(self, request: ScoreRequest) -> None:
        if self._versioned is None:
            return
        version, count = self._versioned
        blocks = tuple(self.scored.blocks[:count])
        rows = sum(len(block.symbols) for block in blocks)
        scan = Remembered(version, self.columns, blocks, self._forecast.models, self.predictions.first(rows))
        self._context.tools.remembered.put(request, scan)
