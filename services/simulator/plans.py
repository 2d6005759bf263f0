"""The vendor's plans: what each one may ask for, how often, and how late its data is."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from services.market.sessions import NEW_YORK
from services.simulator.answers import RefusalError

_UPGRADE: Final = "Please upgrade your plan at https://massive.com/pricing"
_RATE_WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan.

    Args:
        name: as on the command line.
        calls_per_minute: None where there is no limit.
        delay: how late trades are shown.
        history_years: how far back bars reach; None for all of them.
        end_of_day: sessions show only from midnight New York after them on.
        snapshot: whether the full-market snapshot is included.
    """

    name: str
    calls_per_minute: int | None = None
    delay: timedelta = timedelta(0)
    history_years: int | None = None
    end_of_day: bool = False
    snapshot: bool = True

    @property
    def status(self) -> str:
        """Return the status word of a good answer about bars."""
        return "DELAYED" if self.delay else "OK"

    def check_snapshot(self) -> None:
        """Raise RefusalError (403) if the plan has no snapshot."""
        if not self.snapshot:
            raise RefusalError(403, f"You are not entitled to this data. {_UPGRADE}")

    def check_history(self, day: date, now: datetime) -> None:
        """Raise RefusalError (403) if a day is too old for the plan."""
        if self.history_years is None:
            return
        today = now.astimezone(NEW_YORK).date()
        if day < today - timedelta(days=round(365.25 * self.history_years)):
            raise RefusalError(403, f"Your plan doesn't include this data timeframe. {_UPGRADE}")

    def check_ended(self, day: date, now: datetime) -> None:
        """Raise RefusalError (403) if a day has not ended in New York and the plan has end-of-day data only.

        That a future day is refused like today is an assumption.
        """
        if self.end_of_day and day >= now.astimezone(NEW_YORK).date():
            raise RefusalError(403, f"Attempted to request today's data before end of day. {_UPGRADE}")


PLANS: Final = {
    plan.name: plan
    for plan in (
        Plan("basic", calls_per_minute=5, history_years=2, end_of_day=True, snapshot=False),
        Plan("starter", delay=timedelta(minutes=15), history_years=5),
        Plan("developer", delay=timedelta(minutes=15), history_years=10),
        Plan("advanced"),
    )
}


class CallLimit:
    """The number of calls that a plan admits in any 60 seconds.

    Args:
        calls_per_minute: None for no limit.
        time_s: a monotonic clock in seconds.
    """

    def __init__(self, calls_per_minute: int | None, time_s: Callable[[], float]) -> None:
        self._allowed = calls_per_minute
        self._time_s = time_s
        self._admitted: deque[float] = deque(maxlen=calls_per_minute)

    def admit(self) -> None:
        """Count a call, or raise RefusalError (429) if it is one too many."""
        if self._allowed is None:
            return
        now = self._time_s()
        if len(self._admitted) == self._allowed and now - self._admitted[0] < _RATE_WINDOW_S:
            raise RefusalError(
                429,
                "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue."
                " https://massive.com/pricing",
            )
        self._admitted.append(now)
