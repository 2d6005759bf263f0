"""What a scan tells its caller: that it was accepted, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.gateway.candidates import Candidates
    from services.gateway.clients import FetchState
    from services.gateway.plans import Plans
    from services.gateway.ranking import Ranking
    from services.gateway.universe import Listing, Universe
    from services.market.omission import Omission
    from services.market.regime import Regime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The universe of a scan is known."""

    listing: Listing
    requested_count: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What is scored so far: the session, the candidates in symbol order, and the rows among them."""

    listing: Listing
    candidates: Candidates
    ranking: Ranking


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scan came to.

    Attributes:
        listing: session and provider.
        universe: what was requested.
        candidates: all scored symbols, in symbol order.
        ranking: the rows among them.
        plans: trade plans of all candidates, if they were asked for.
        horizon: sessions that the style looks ahead.
        omissions: every omission, by symbol.
        regime: the state of the market; empty if the scorer did not get that far.
        fetch: sessions there and wanted, provider calls.
        versions: config hash, factor versions, models, by part.
        hash: the result hash.
        notices: sentences that a reader should see.
        week_running: whether the week of the session has another one; None if no factor over weeks was asked for.
    """

    listing: Listing
    universe: Universe
    candidates: Candidates
    ranking: Ranking
    plans: Plans | None
    horizon: int
    omissions: tuple[Omission, ...]
    regime: Regime
    fetch: FetchState
    versions: dict[str, str]
    hash: str
    notices: tuple[str, ...]
    week_running: bool | None = None
