"""A scan, end to end.

The algorithm, one function a step:
  1. `_list` asks the fetcher for the symbols and the inference server for its models.
  2. `universe.choose` makes up the requested symbols; the ledger opens with them.
  3. `_score` streams factor blocks from the scorer, and each block on to the models; `Previews` of them go out.
  4. `_collect` takes the alphas; without them the scan goes on and says so.
  5. `conclude` scores, filters and orders what is there when the budget is spent or all is done, and makes trade plans.
  6. The ledger closes: whatever has no outcome yet ran out of budget.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import structlog

from services.gateway import cross_section
from services.gateway.clients import EarlyBlock, FetchState, Header, ScoredBlock, Scoring
from services.gateway.conclude import conclude, gather
from services.gateway.ledger import Ledger, Omission
from services.gateway.models import check_features
from services.gateway.outcome import Accepted, Outcome
from services.gateway.previews import Previews
from services.gateway.progress import Stage, Tracker
from services.gateway.request import require_names
from services.gateway.result_hash import result_hash
from services.gateway.scored import NOTHING, Scored
from services.gateway.universe import Listing, Universe, choose, coverage, resolve, unfiltered
from services.market.errors import BudgetSpentError, ConfigMismatchError, TechnicError
from services.market.regime import Regime
from services.market.weeks import WEEKLY_PREFIX, WEEKLY_SESSIONS, week_is_running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.gateway.alphas import AlphaStream, InferenceClient
    from services.gateway.clients import FetcherClient, ScorerClient
    from services.gateway.models import Model
    from services.gateway.outcome import Preview
    from services.gateway.request import ScanRequest
    from services.gateway.scored import Predictions
    from services.market.scoring import ScoringConfig

    Emit = Callable[[Accepted | Preview], Awaitable[None]]

RESERVE_S = 0.25
RESERVE_SHARE = 0.2
"""Seconds, and at most this share of the budget, that ranking and sending the rows get."""
DESCRIBE_S = 5.0
"""Seconds that models are waited for before a scan goes on without them."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """What scans are made with; shared by all of them.

    Attributes:
        fetcher: gives the list of symbols.
        scorer: gives factors.
        inference: gives alphas.
        config: weights, thresholds, profiles.
    """

    fetcher: FetcherClient
    scorer: ScorerClient
    inference: InferenceClient
    config: ScoringConfig

    async def scan(self, request: ScanRequest, tracker: Tracker, emit: Emit) -> Outcome:
        """Scan the universe of `request` within its budget; what there is to tell before the end goes to `emit`.

        Raises:
            BudgetSpentError: the budget was spent before the symbols were known.
            TechnicError: a service or the provider failed.
        """
        return await _Scan(self, request, tracker, emit).run()


class _Scan:
    """One running scan."""

    def __init__(self, scanner: Scanner, request: ScanRequest, tracker: Tracker, emit: Emit) -> None:
        self._scanner = scanner
        self._request = request
        self._tracker = tracker
        self._emit = emit
        self._notices: list[str] = []
        self._scored = Scored()
        self._models: tuple[Model, ...] = ()
        self._stream: AlphaStream | None = None
        self._columns: dict[str, int] = {}
        self._request_total = 0
        # Ranking and sending the rows come after the last block, and have to be paid from the budget too.
        self._until = request.budget_s - min(RESERVE_S, RESERVE_SHARE * request.budget_s)

    def _left(self) -> float:
        """Return seconds left for everything up to the last block."""
        return max(0.0, self._until - self._tracker.elapsed())

    async def run(self) -> Outcome:
        listing = await self._list()
        self._request = resolve(self._request, listing)
        universe = choose(self._request, listing)
        await self._emit(Accepted(listing, universe.requested_count))
        ledger = Ledger(universe.requested)
        for omission in universe.omissions:
            ledger.omit(omission)
        try:
            scoring = await self._score(universe, listing, ledger)
            predictions = await self._collect()
        finally:
            if self._stream is not None:
                await self._stream.cancel()
        return self._finish(listing, universe, ledger, scoring, predictions)

    async def _list(self) -> Listing:
        """Ask for symbols and models at once; without models the scan goes on."""
        history = WEEKLY_SESSIONS if self._request.weekly else self._scanner.config.history.sessions
        self._tracker.fetched(0, history, 0)
        patience = min(self._left(), DESCRIBE_S)
        describing = asyncio.create_task(self._scanner.inference.describe(patience))
        try:
            listing = await self._scanner.fetcher.list_symbols(
                self._request.as_of,
                history,
                self._left(),
                symbol_count=len(self._request.symbols),
                include_running=self._request.include_running,
            )
        except BudgetSpentError:
            describing.cancel()
            raise BudgetSpentError(
                f"the budget of {self._request.budget_s:g} s was spent before the symbols were known: ask for more"
            ) from None
        except BaseException:
            describing.cancel()
            raise
        try:
            self._models = await describing
        except TechnicError as error:
            self._without_alphas(error)
        self._tracker.timed("list", 0.0)
        self._request_total = listing.request_total
        return listing

    def _without_alphas(self, error: TechnicError) -> None:
        self._models = ()
        self._notices.append(f"no alphas, their weight went to TechRating: {error.message}")
        structlog.get_logger().warning("no_alphas", error=error.message)

    async def _score(self, universe: Universe, listing: Listing, ledger: Ledger) -> Scoring | None:
        """Stream the blocks; None if the budget ended that, or if there is nothing to score."""
        if not universe.symbols:
            return None
        began = self._tracker.elapsed()
        until = asyncio.get_running_loop().time() + self._left()
        previews = Previews(self._request, self._scanner.config, listing, self._emit, until)

        async def take(event: Header | FetchState | EarlyBlock | ScoredBlock) -> None:
            if isinstance(event, ScoredBlock):
                await self._take_block(event, ledger, len(universe.symbols), began)
                await previews.show(self._scored, self._columns)
            elif isinstance(event, EarlyBlock):
                await previews.take_early(event.block, self._open_stream)
            elif isinstance(event, FetchState):
                requests = event.request_total - self._request_total
                if event.symbols_wanted:
                    self._tracker.fetched_symbols(event.symbols_ready, event.symbols_wanted, requests)
                else:
                    self._tracker.fetched(event.ready_count, event.wanted_count, requests)
                await previews.show_early(self._columns)
            else:
                self._take_header(event)

        try:
            return await self._scanner.scorer.score(
                universe.symbols,
                listing.as_of,
                self._left(),
                take,
                include_running=listing.provisional,
                include_weekly=self._request.weekly,
            )
        except BudgetSpentError:
            return None
        finally:
            await previews.close()
            self._tracker.timed("score", began)

    def _take_header(self, header: Header) -> None:
        """Check that the scorer speaks of the same things, and open the stream of alphas."""
        self._columns = header.column_versions
        if header.config_hash != self._scanner.config.config_hash:
            raise ConfigMismatchError("the scorer runs with another scoring configuration: deploy one version of both")
        require_names(self._request, (*self._columns, *cross_section.NAMES))
        try:
            check_features(self._models, self._columns)
        except TechnicError as error:
            self._without_alphas(error)
        self._stream = self._open_stream()

    async def _take_block(self, block: ScoredBlock, ledger: Ledger, total_count: int, began: float) -> None:
        if self._tracker.stage is not Stage.SCORE:
            self._tracker.timed("fetch", began)
            self._tracker.enter(Stage.SCORE, total_count)
        for symbol, reason in block.omissions:
            ledger.omit(Omission(symbol, reason))
        self._scored.add(block)
        self._tracker.scored(len(block.symbols) + len(block.omissions), len(block.symbols))
        if self._stream is not None and block.symbols:
            await self._stream.send(block.columns, len(block.symbols))

    def _open_stream(self) -> AlphaStream | None:
        left = self._left() + RESERVE_S / 2
        return self._scanner.inference.stream(self._models, left) if self._models else None

    async def _collect(self) -> Predictions:
        """Take the alphas; without them their weight goes to TechRating."""
        began = self._tracker.elapsed()
        try:
            if self._stream is not None:
                return await self._stream.finish()
        except TechnicError as error:
            self._without_alphas(error)
        finally:
            self._tracker.timed("infer", began)
        return NOTHING

    def _finish(
        self,
        listing: Listing,
        universe: Universe,
        ledger: Ledger,
        scoring: Scoring | None,
        predictions: Predictions,
    ) -> Outcome:
        """Rank what is there and close the ledger."""
        began = self._tracker.elapsed()
        self._tracker.enter(Stage.RANK, len(universe.symbols))
        candidates = gather(self._request, self._scored, self._columns, listing.attributes, predictions)
        ended = conclude(self._request, self._scanner.config, candidates, ledger)
        versions, fetch = self._versions(), self._fetch_state(universe, scoring)
        gaps = unfiltered(self._request.selection, coverage(universe, listing))
        if not universe.requested_count:
            listed = len(listing.attributes)
            self._notices.append(f"nothing to scan: none of the {listed:,} listed symbols is asked for")
        week_running = week_is_running(date.fromisoformat(listing.as_of)) if self._request.weekly else None
        if week_running:
            self._notices.append(f"the week of {listing.as_of} is still running: weekly factors take it as it is")
        outcome = Outcome(
            listing=listing,
            universe=universe,
            candidates=ended.candidates,
            ranking=ended.ranking,
            plans=ended.plans,
            horizon=self._scanner.config.styles[self._request.style].horizon,
            omissions=ended.omissions,
            regime=scoring.regime if scoring else Regime(),
            fetch=fetch,
            versions=versions,
            hash=result_hash(listing.as_of, versions, ended.candidates, ended.ranking, ended.omissions),
            notices=(*self._notices, *listing.notices, *fetch.notices, *gaps),
            week_running=week_running,
        )
        self._tracker.timed("rank", began)
        return outcome

    def _fetch_state(self, universe: Universe, scoring: Scoring | None) -> FetchState:
        """Return sessions there and wanted, none if there was nothing to score, and the provider calls of this scan."""
        if scoring is None:
            requests = self._tracker.snapshot().request_count
            if not universe.symbols:
                return FetchState(0, 0, requests)
            return FetchState(self._tracker.ready_count, self._tracker.wanted_count, requests)
        return replace(scoring.fetch, request_total=scoring.fetch.request_total - self._request_total)

    def _versions(self) -> dict[str, str]:
        # Weekly factors are in no score: a scan that returns them has the result of one that does not.
        daily = {name: version for name, version in self._columns.items() if not name.startswith(WEEKLY_PREFIX)}
        factors = ",".join(f"{name}@{version}" for name, version in daily.items())
        return {
            "config": self._scanner.config.config_hash,
            "factors": hashlib.sha256(factors.encode()).hexdigest(),
        } | {model.role: str(model) for model in self._models}
