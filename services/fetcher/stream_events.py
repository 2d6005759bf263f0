"""What a stream of bars is asked for, what goes out on it, and what it comes to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date

from services.fetcher.plan import FetchPlan, Holding
from services.fetcher.series import Omissions
from services.fetcher.sync import SyncState
from services.market.panel import Panel


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What somebody asks for.

    Attributes:
        symbols: without duplicates; sent in this order.
        until: the loop's time after which no call to the source is waited for.
        block_size: symbols in a block.
        known_version: that of blocks which the caller has already, so that they are left out; empty for none.
        include_early: whether blocks of the newest sessions are of use while older ones are still missing.
        repair_until: the loop's time after which single symbols are not waited for any more, once all others were sent;
            no earlier than `until`.
    """

    symbols: tuple[str, ...]
    until: float
    block_size: int
    known_version: str = ""
    include_early: bool = False
    repair_until: float = 0.0


@dataclass(frozen=True, slots=True)
class SymbolState:
    """How far symbols that are asked for one by one have come."""

    ready_count: int
    wanted_count: int


@dataclass(frozen=True, slots=True)
class BarsVersion:
    """Names the blocks that went out so far, or that were left out because the caller has them."""

    version: str


@dataclass(frozen=True, slots=True)
class EarlyPanel:
    """A block of bars that lacks sessions which are still to come; it goes out again with them."""

    panel: Panel


Event = SyncState | SymbolState | Panel | EarlyPanel | BarsVersion | Omissions
"""What goes out next: progress, a block of bars, an early one, the version of blocks, or symbols without any."""
Emit = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """What a stream of bars came to.

    Attributes:
        as_of: the last session.
        ready_count: sessions that are there.
        wanted_count: sessions of the window.
        refused_count: bars refused while it waited.
        eta_s: seconds until the missing sessions could be there; None if none is, or nothing is known.
        holding: what was there when the request came.
        plan: what was to be asked for, symbols that no session turned out to have included.
        restated: requested symbols that the source restated since the window was first stored as a whole.
    """

    as_of: date
    ready_count: int
    wanted_count: int
    refused_count: int
    eta_s: float | None
    holding: Holding
    plan: FetchPlan
    restated: tuple[str, ...]
