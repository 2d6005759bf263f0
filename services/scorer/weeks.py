"""The weekly frame: series of weeks from series of sessions, for the same formulas."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.market.sessions import from_day_number, next_session, to_day_number
from services.scorer.kernels.weeks import gather
from services.scorer.series import Series

WEEKLY_SESSIONS = 504
"""Sessions that weekly factors read: about 104 weeks."""
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""


def week_series(series: Series, session_days: NDArray[np.int32]) -> Series:
    """Put carried sessions together to weeks from Monday on; the last one ends with as_of, complete or not.

    Args:
        series: carried bars.
        session_days: (session,) int32, days since 1970-01-01, of the series' sessions.
    """
    _, week = np.unique((session_days + _EPOCH_WEEKDAY) // 7, return_inverse=True)
    bars = gather(series.bars, week.astype(np.int64), int(week[-1]) + 1 if len(week) else 0)
    there = series.first >= 0
    first = np.full(len(series.first), -1)
    first[there] = week[series.first[there]]
    return replace(series, bars=bars, first=first)


def is_running(as_of: int) -> bool:
    """Tell whether the week of a session, given in days since 1970-01-01, has another session after it."""
    after = to_day_number(next_session(from_day_number(as_of)))
    return (after + _EPOCH_WEEKDAY) // 7 == (as_of + _EPOCH_WEEKDAY) // 7
