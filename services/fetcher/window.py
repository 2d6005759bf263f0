"""The sessions of a request, and what is to be laid over their raw bars."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from services.market import sessions as calendar
from services.market.adjust import Split, doubtful_symbols
from services.market.errors import InvalidRequestError
from services.market.panel import FIELDS
from services.market.vocabulary import Flag

HISTORY_LIMIT = 2_000
"""Sessions of a request, at most."""


@dataclass(frozen=True, slots=True)
class RunningSession:
    """The bars so far of a running session.

    Attributes:
        session: the New York date.
        asked_at: when they were asked for, an aware time; a plan with delay shows older ones.
        values: (column, field) float64, fields as in `panel.FIELDS`, columns as in the `SymbolIndex`; USD and shares,
            raw, on the basis of this session; NaN = no trade yet.
    """

    session: date
    asked_at: datetime
    values: NDArray[np.float64]

    @property
    def notice(self) -> str:
        """What a reader should know."""
        moment = self.asked_at.astimezone(calendar.NEW_YORK)
        return f"{self.session} is still running: its bars are provisional, as of {moment:%H:%M:%S} New York"

    def bars_of(self, columns: NDArray[np.int32]) -> NDArray[np.float64]:
        """Copy the bars of some symbols: (field, symbol) float64; NaN = no trade yet, or no such column."""
        bars = np.full((len(columns), len(FIELDS)), np.nan)
        known = (columns >= 0) & (columns < len(self.values))
        bars[known] = self.values[columns[known]]
        return bars.T


@dataclass(frozen=True, slots=True)
class Window:
    """The sessions of a request, ascending, ending with as_of, and how their bars are to be read.

    Attributes:
        sessions: ascending; the last is as_of.
        splits: by symbol, ascending, from the first session on.
        running: bars of the last session if it is still running; they are in no cache.
        suspects: symbols whose restated bars are not to be trusted.
        unreachable: sessions that lie before the history of the provider's plan.
        missing: sessions that were not there when the bars were looked at: one that comes later is in no block.
        days: (session,) int32, the sessions as days since 1970-01-01, ascending.
    """

    sessions: tuple[date, ...]
    splits: dict[str, tuple[Split, ...]]
    running: RunningSession | None = None
    suspects: frozenset[str] = frozenset()
    unreachable: frozenset[date] = frozenset()
    missing: frozenset[date] = frozenset()
    days: NDArray[np.int32] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        days = np.array([calendar.to_day_number(session) for session in self.sessions], np.int32)
        object.__setattr__(self, "days", days)

    @property
    def completed(self) -> tuple[date, ...]:
        """The sessions that are over."""
        return self.sessions if self.running is None else self.sessions[:-1]

    @property
    def reachable(self) -> tuple[date, ...]:
        """The sessions that are over and can be asked for."""
        return tuple(session for session in self.completed if session not in self.unreachable)

    def suspecting(self, checked: frozenset[str]) -> "Window":
        """Return the window with suspects: those that a check found, and symbols whose splits contradict each other."""
        doubtful = doubtful_symbols(self.splits, int(self.days[0]), int(self.days[-1]))
        return replace(self, suspects=checked | doubtful)

    def flags(self, symbols: Sequence[str]) -> NDArray[np.uint32]:
        """Return (symbol,) uint32 bits of `Flag` that tell of the bars; empty if no symbol has one."""
        running = 0 if self.running is None else int(Flag.PROVISIONAL)
        bits = [running | (int(Flag.SUSPECT_DATA) if symbol in self.suspects else 0) for symbol in symbols]
        return np.array(bits if any(bits) else (), np.uint32)


def sessions_of(as_of: date, history_count: int) -> tuple[date, ...]:
    """Return `history_count` sessions, ascending, ending with as_of.

    Raises:
        InvalidRequestError: too many, none, or the window begins before the calendar.
    """
    if not 1 <= history_count <= HISTORY_LIMIT:
        raise InvalidRequestError(f"history_count {history_count} is not between 1 and {HISTORY_LIMIT}")
    try:
        return calendar.sessions_ending(as_of, history_count)
    except ValueError as error:
        raise InvalidRequestError(f"{history_count} sessions ending with {as_of}: {error}") from None


def session_of(as_of: str, latest: date, running: date | None) -> date:
    """Return the session that a request means.

    Args:
        as_of: an ISO date; empty for the newest session.
        latest: the newest completed session.
        running: the session that runs now, if it may be meant.

    Raises:
        InvalidRequestError: not a date, not completed yet, or not a session.
    """
    if not as_of:
        return running or latest
    try:
        day = date.fromisoformat(as_of)
    except ValueError:
        raise InvalidRequestError(f"as_of {as_of!r} is not a date such as {latest}") from None
    if day == running:
        return day
    try:
        nearest = calendar.nearest_session(day)
    except ValueError as error:
        raise InvalidRequestError(f"as_of: {error}") from None
    if day > latest:
        raise InvalidRequestError(f"as_of {day} is not over yet: the newest completed session is {latest}")
    if nearest != day:
        raise InvalidRequestError(f"as_of {day} is not a session of the exchange: the one before is {nearest}")
    return day
