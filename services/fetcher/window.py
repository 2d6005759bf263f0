"""The sessions of a request."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from services.market import sessions as calendar
from services.market.adjust import Split
from services.market.errors import InvalidRequestError

HISTORY_LIMIT = 2_000
"""Sessions of a request, at most."""


@dataclass(frozen=True, slots=True)
class Window:
    """The sessions of a request and what is needed to read their bars.

    Attributes:
        sessions: ascending, ending with as_of.
        splits: by symbol, ascending, from the first session on.
        unreachable: sessions that lie before the history of the provider's plan.
    """

    sessions: tuple[date, ...]
    splits: dict[str, tuple[Split, ...]]
    unreachable: frozenset[date] = frozenset()

    @property
    def days(self) -> NDArray[np.int32]:
        """(session,) int32, the sessions as days since 1970-01-01, ascending."""
        return np.array([calendar.to_day_number(session) for session in self.sessions], np.int32)


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
