"""The weekly frame: series of weeks from series of sessions, for the same formulas."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.market.weeks import week_number
from services.scorer.kernels.weeks import gather
from services.scorer.series import Series


def week_series(series: Series, session_days: NDArray[np.int32]) -> Series:
    """Put carried sessions together to weeks from Monday on; the last one ends with as_of, complete or not.

    Args:
        series: carried bars.
        session_days: (session,) int32, days since 1970-01-01, of the series' sessions.
    """
    _, week = np.unique(week_number(session_days), return_inverse=True)
    bars = gather(series.bars, week.astype(np.int64), int(week[-1]) + 1 if len(week) else 0)
    there = series.first >= 0
    first = np.full(len(series.first), -1)
    first[there] = week[series.first[there]]
    return replace(series, bars=bars, first=first)
