"""Which sessions come first, so that rows can be seen before all are there: the newest ones, then some of a year.

What looks back a year, as models do, needs its oldest session and a few between: with every fifth of them, and closes
carried over the others, the best rows are those of the whole history (ADR 0025).
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

YEAR: Final = 253
"""Sessions of the longest factor that a model sees: 252 returns."""
STEP: Final = 5
"""Of so many sessions between the newest ones and a year ago, one comes first."""


def early_sessions(sessions: Sequence[date], newest_count: int) -> tuple[date, ...]:
    """Return those of some consecutive sessions, ascending, that come first: newest first, then every fifth of a year.

    Args:
        sessions: the window.
        newest_count: how many of the newest come without a gap.
    """
    newest_first = tuple(reversed(sessions))
    return newest_first[:newest_count] + newest_first[:YEAR][: newest_count - 1 : -STEP][::-1]


def fetch_order(sessions: Sequence[date], newest_count: int) -> tuple[date, ...]:
    """Return some sessions, ascending, in the order in which they are fetched: the early ones, then newest first."""
    first = dict.fromkeys(early_sessions(sessions, newest_count))
    return tuple(first | dict.fromkeys(reversed(sessions)))


def first_usable(fetched: NDArray[np.bool_], newest_count: int) -> int:
    """Return the oldest session that can be used: one that was fetched, with no gap of `STEP` or more behind it.

    Args:
        fetched: (session,) bool, ascending; the newest `newest_count` are there.
        newest_count: where gaps may begin, counted from the end.
    """
    usable = len(fetched) - newest_count
    for session in np.flatnonzero(fetched[:usable])[::-1].tolist():
        if usable - session > STEP:
            break
        usable = session
    return usable
