"""What of the market can be seen at a moment, under a plan."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from services.market.sessions import NEW_YORK, close_time
from services.simulator.feed import Feed
from services.simulator.plans import Plan

_OPEN: Final = time(9, 30)
_SNAPSHOT_CLEARED: Final = time(3, 30)


@dataclass(frozen=True, slots=True)
class Vantage:
    """A market, seen at a moment.

    Args:
        feed: what is looked at.
        plan: who looks.
        now: aware; the real moment, before the plan's delay.
    """

    feed: Feed
    plan: Plan
    now: datetime

    @property
    def today(self) -> date:
        """Return the New York date."""
        return self.now.astimezone(NEW_YORK).date()

    @property
    def executed(self) -> int:
        """Return the position of the newest session whose splits have executed."""
        return self._through(self.today)

    def elapsed(self, position: int) -> float:
        """Return how much of a session can be seen: 0 before its open, 1 from its close on."""
        session = self.feed.sessions[position]
        if self.plan.end_of_day:
            return float(session < self.today)
        opened = datetime.combine(session, _OPEN, NEW_YORK)
        closed = close_time(session)
        seen = (self.now - self.plan.delay - opened) / (closed - opened)
        return min(max(seen, 0.0), 1.0) if self.feed.running or seen >= 1 else 0.0

    def newest(self) -> int:
        """Return the position of the newest session of which anything can be seen."""
        position = self._through(self.today)
        return position if self.elapsed(position) > 0 else position - 1

    def newest_completed(self) -> int:
        """Return the position of the newest session that can be seen whole."""
        position = self._through(self.today)
        return position if self.elapsed(position) == 1 else position - 1

    def snapshot_session(self) -> int:
        """Return the position of the session whose bars the snapshot calls `day`; cleared 03:30 New York."""
        return self._through((self.now.astimezone(NEW_YORK) - _since_midnight(_SNAPSHOT_CLEARED)).date())

    def _through(self, day: date) -> int:
        return max(bisect_right(self.feed.sessions, day) - 1, 0)


def _since_midnight(moment: time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute)
