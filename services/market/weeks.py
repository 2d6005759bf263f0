"""Weeks of the exchange: from Monday on, ending with their last session."""

from datetime import date
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.market.sessions import next_session, to_day_number

WEEKLY_PREFIX: Final = "weekly_"
"""What names of factors over weeks begin with."""
WEEKLY_SESSIONS: Final = 504
"""Sessions that weekly factors read: about 104 weeks."""
_EPOCH_WEEKDAY: Final = 3
"""1970-01-01 was a Thursday."""


Days = TypeVar("Days", int, NDArray[np.int32])


def week_number(days: Days) -> Days:
    """Return which week a day lies in, both counted since 1970: of one day or of an array of days."""
    return (days + _EPOCH_WEEKDAY) // 7


def week_is_running(as_of: date) -> bool:
    """Tell whether the week of a session has another session after it. Raises ValueError outside the calendar."""
    return week_number(to_day_number(next_session(as_of))) == week_number(to_day_number(as_of))
