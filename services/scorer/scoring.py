"""A scoring of a universe: panels in, scored blocks out, in order, computed beside the event loop.

The context ETFs go first, so that SPY, which every symbol's market-relative factors need, is there before them. What
was scored once is remembered: while the fetcher has the same bars, it sends none, and the blocks go out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from services.market.weeks import WEEKLY_SESSIONS
from services.scorer.bars import BarRequest
from services.scorer.regime import CONTEXT_SYMBOLS, find_regime
from services.scorer.scoring_run import ScoringRun

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from services.market.regime import Regime
    from services.scorer.bars import FetchEnd, Take
    from services.scorer.engine import FactorEngine
    from services.scorer.remembered import RememberedScorings, ScoreRequest
    from services.scorer.scoring_run import Emit


class BarStream(Protocol):
    """Where panels come from."""

    async def stream(self, request: BarRequest, within_s: float, take: Take) -> FetchEnd:
        """Give what comes to `take`, in order; return what it came to."""
        ...


@dataclass(frozen=True, slots=True)
class ScoringSummary:
    """What a scoring found out about the market, and took."""

    fetch: FetchEnd
    regime: Regime
    compute_s: float


class UniverseScorer:
    """Scores universes.

    Args:
        engine: factors and configuration; warm.
        bars: where panels come from.
        pool: threads that compute; shared by all scorings.
        remembered: where scorings are kept for as long as their bars do not change.
    """

    def __init__(self, engine: FactorEngine, bars: BarStream, pool: Executor, remembered: RememberedScorings) -> None:
        self.engine = engine
        self._bars = bars
        self._pool = pool
        self._remembered = remembered

    async def score(
        self,
        request: ScoreRequest,
        within_s: float,
        emit: Emit,
        *,
        include_early: bool = False,
        known_version: str = "",
    ) -> ScoringSummary:
        """Score symbols, giving fetch states and blocks to `emit`, in the order asked for.

        With `include_early` there may be early blocks before: all symbols by the sessions that came first. Blocks of
        `known_version` are left out.

        Raises:
            TechnicError: what the fetcher raised, or that it cannot be reached.
        """
        run = ScoringRun(self.engine, self._pool, request, emit, self._remembered, known_version)
        others = (symbol for symbol in request.symbols if symbol not in CONTEXT_SYMBOLS)
        bars = BarRequest(
            symbols=(*CONTEXT_SYMBOLS, *others),
            as_of=request.as_of,
            history_count=WEEKLY_SESSIONS if request.include_weekly else self.engine.config.history.sessions,
            include_running=request.include_running,
            known_version=run.known.version if run.known else "",
            include_early=include_early,
        )
        fetch = await self._bars.stream(bars, within_s, run.take)
        await run.drain()
        return ScoringSummary(fetch, find_regime(run.context), run.compute_s)
