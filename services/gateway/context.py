"""What the parts of one scan have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.gateway.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.gateway.alphas import InferenceClient
    from services.gateway.clients import FetcherClient, ScorerClient
    from services.gateway.forecast import Forecast
    from services.gateway.last import LastResult
    from services.gateway.outcome import Accepted, Preview
    from services.gateway.progress import Tracker
    from services.gateway.remembered import RememberedScans
    from services.gateway.request import ScanRequest
    from services.market.scoring import ScoringConfig

    Emit = Callable[[Accepted | Preview], Awaitable[None]]

RESERVE_S = 0.25
RESERVE_SHARE = 0.15
"""Seconds, and at most this share of the budget for each scan that runs, that ranking and sending the rows get."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What scans are made with; shared by all of them.

    Attributes:
        fetcher: gives the list of symbols.
        scorer: gives factors.
        inference: gives alphas.
        config: weights, thresholds, profiles.
        remembered: blocks and alphas of the scans before.
        last: what the last scan came to.
        running: the trackers of all scans that run now; those that end at the same time rank one after the other.
        closing: ends what they wait for when the gateway is told to stop.
    """

    fetcher: FetcherClient
    scorer: ScorerClient
    inference: InferenceClient
    config: ScoringConfig
    remembered: RememberedScans
    last: LastResult
    running: set[Tracker] = field(default_factory=set)
    closing: Closing = field(default_factory=Closing)


@dataclass(frozen=True, slots=True)
class ScanContext:
    """One scan.

    Attributes:
        tools: what it is made with.
        request: what is asked for.
        tracker: knows how far it is, and for how long it has run.
        emit: takes what there is to tell before the end.
        forecast: asks the models.
    """

    tools: Tools
    request: ScanRequest
    tracker: Tracker
    emit: Emit
    forecast: Forecast

    @property
    def left_s(self) -> float:
        """Seconds left up to the last block: ranking and sending the rows are paid from the budget, too."""
        return self._left_but(self._reserve_s)

    @property
    def forecast_s(self) -> float:
        """Seconds left for the models, which may take half of what is kept back."""
        return self._left_but(self._reserve_s / 2)

    @property
    def _reserve_s(self) -> float:
        return min(RESERVE_S, RESERVE_SHARE * self.request.budget_s * len(self.tools.running))

    def _left_but(self, kept_s: float) -> float:
        return max(0.0, self.request.budget_s - kept_s - self.tracker.elapsed())
