"""A scan, end to end.

The algorithm, one function a step:
  1. `_list` asks the fetcher for the symbols and the inference server for its models.
  2. `universe.choose` makes up the requested symbols; the ledger opens with them.
  3. `UniverseScoring` streams factor blocks from the scorer, and each block on to the models; previews go out.
  4. `Forecast` takes the alphas; without them the scan goes on and says so.
  5. `conclude` scores, filters and orders what is there when the budget is spent or all is done, and makes trade plans.
  6. The ledger closes: whatever has no outcome yet ran out of budget.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from services.gateway.clients import FetchState
from services.gateway.conclude import NO_FLAG
from services.gateway.context import ScanContext
from services.gateway.forecast import Forecast
from services.gateway.last import Evidence, of_rows
from services.gateway.ledger import Ledger
from services.gateway.outcome import Accepted, Outcome
from services.gateway.progress import Stage
from services.gateway.result_hash import versions
from services.gateway.scoring import UniverseScoring
from services.gateway.universe import resolve, unfiltered
from services.market.errors import BudgetSpentError
from services.market.regime import Regime
from services.market.vocabulary import Flag
from services.market.weeks import WEEKLY_SESSIONS, week_is_running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.gateway.clients import Scoring
    from services.gateway.context import Emit, Tools
    from services.gateway.models import Model
    from services.gateway.progress import Tracker
    from services.gateway.request import ScanRequest
    from services.gateway.universe import Coverage, Listing, Universe
    from services.market.scoring import ScoringConfig

DESCRIBE_S = 5.0
DESCRIBE_SHARE = 0.5
"""Seconds, and at most this share of the time left, that models are waited for before a scan goes on without them."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """Makes scans."""

    tools: Tools

    @property
    def config(self) -> ScoringConfig:
        """Weights, thresholds, profiles."""
        return self.tools.config

    async def scan(self, request: ScanRequest, tracker: Tracker, emit: Emit) -> Outcome:
        """Scan the universe of `request` within its budget; what there is to tell before the end goes to `emit`.

        Raises:
            BudgetSpentError: the budget was spent before the fetcher said anything at all.
            TechnicError: a service or the provider failed.
        """
        self.tools.running.add(tracker)
        try:
            return await _Scan(ScanContext(self.tools, request, tracker, emit, Forecast(self.tools.inference))).run()
        finally:
            self.tools.running.discard(tracker)


class _Scan:
    """One running scan."""

    def __init__(self, context: ScanContext) -> None:
        self._context = context
        self._tracker = context.tracker

    async def run(self) -> Outcome:
        listing = await self._list()
        self._context = replace(self._context, request=resolve(self._context.request, listing))
        universe = self._context.tools.last.universe(self._context.request, listing)
        await self._context.emit(Accepted(listing, universe.requested_count))
        ledger = Ledger(universe.requested)
        for omission in universe.omissions:
            ledger.omit(omission)
        scores = UniverseScoring(self._context, listing, ledger)
        try:
            scoring = await scores.run(universe.symbols) if universe.symbols else None
        finally:
            await self._context.forecast.close()
        return self._finish(listing, universe, ledger, scores, scoring)

    async def _list(self) -> Listing:
        """Ask for symbols and models at once; without models the scan goes on."""
        request, tools = self._context.request, self._context.tools
        history = WEEKLY_SESSIONS if request.weekly else tools.config.history.sessions
        self._tracker.fetched(0, history, 0)
        patience = min(DESCRIBE_SHARE * self._context.left_s, DESCRIBE_S)
        describing = asyncio.create_task(self._context.forecast.describe(patience))
        try:
            async with tools.closing.bound():
                listing = await tools.fetcher.list_symbols(
                    request.as_of,
                    history,
                    self._context.left_s,
                    symbol_count=len(request.symbols),
                    include_running=request.include_running,
                )
                await describing
        except BudgetSpentError:
            raise BudgetSpentError(
                f"the budget of {request.budget_s:g} s was spent before the fetcher answered: ask for more"
            ) from None
        finally:
            describing.cancel()
            await asyncio.gather(describing, return_exceptions=True)
        self._tracker.listed(listing.hit_count)
        self._tracker.timed("list", 0.0)
        return listing

    def _finish(
        self, listing: Listing, universe: Universe, ledger: Ledger, scores: UniverseScoring, scoring: Scoring | None
    ) -> Outcome:
        """Rank what is there and close the ledger."""
        began = self._tracker.elapsed()
        self._tracker.enter(Stage.RANK, len(universe.symbols))
        request, config = self._context.request, self._context.tools.config
        as_of = date.fromisoformat(listing.as_of)
        ahead = self._context.forecast.ahead_of(as_of)
        flag = Flag.LOOK_AHEAD_MODEL if ahead else NO_FLAG
        blocks = scores.scored.with_rows()
        evidence = Evidence(of_rows(request), scores.columns, flag, listing.attributes, blocks, scores.predictions)
        last = self._context.tools.last
        ended = last.concluded(last.judged(evidence, config), ledger)
        made_by = versions(config.config_hash, scores.columns, self._context.forecast.models)
        fetch = self._fetch_state(listing, universe, scoring)
        week_running = week_is_running(as_of) if request.weekly else None
        outcome = Outcome(
            listing=listing,
            universe=universe,
            candidates=ended.candidates,
            ranking=ended.ranking,
            plans=ended.plans,
            horizon=config.styles[request.style].horizon,
            omissions=ended.omissions,
            regime=scoring.regime if scoring else Regime(),
            fetch=fetch,
            versions=made_by,
            hash=last.hash(listing.as_of, made_by, ended),
            notices=(
                *scores.notices,
                *self._context.forecast.notices,
                *listing.notices,
                *fetch.notices,
                *(_looks_ahead(model, listing.as_of) for model in ahead),
                *_remarks(request, universe.coverage, listing, week_running=week_running),
            ),
            week_running=week_running,
        )
        self._tracker.timed("rank", began)
        return outcome

    def _fetch_state(self, listing: Listing, universe: Universe, scoring: Scoring | None) -> FetchState:
        """Return sessions there and wanted, none if there was nothing to score, and the provider calls of this scan."""
        if scoring is None:
            requests = self._tracker.snapshot().request_count
            if not universe.symbols and listing.attributes:
                return FetchState(0, 0, requests)
            return FetchState(self._tracker.ready_count, self._tracker.wanted_count, requests)
        # Another fetcher, or one that started again in between, counts from 0.
        return replace(scoring.fetch, request_total=max(0, scoring.fetch.request_total - listing.request_total))


def _looks_ahead(model: Model, as_of: str) -> str:
    return f"{model.terms.name} learned from sessions up to {model.learned_until}: as of {as_of} it knows what followed"


def _remarks(request: ScanRequest, known: Coverage, listing: Listing, *, week_running: bool | None) -> Iterator[str]:
    """Give sentences about a request that a reader should see."""
    if not known.symbol_count and listing.attributes:
        yield f"nothing to scan: none of the {len(listing.attributes):,} listed symbols is asked for"
    if week_running:
        yield f"the week of {listing.as_of} is still running: weekly factors take it as it is"
    yield from unfiltered(request.selection, known)
