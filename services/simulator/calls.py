"""What was asked of the simulator: counts and times, so that a client's calls can be proved, and their absence."""

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

_KEPT: Final = 2_000


class CallLog:
    """Counts of calls by endpoint, and the newest calls.

    Args:
        time_s: the clock that stamps calls, in seconds.
    """

    def __init__(self, time_s: Callable[[], float]) -> None:
        self._time_s = time_s
        self._counts: Counter[str] = Counter()
        self._newest: deque[dict[str, object]] = deque(maxlen=_KEPT)

    def record(self, endpoint: str, path: str) -> None:
        """Note a call when it arrives; the path comes without its query, which may hold a key."""
        self._counts[endpoint] += 1
        self._newest.append({"endpoint": endpoint, "path": path, "at": self._time_s()})

    def report(self) -> dict[str, object]:
        """Return total, counts by endpoint, the present time, and the newest calls, oldest of them first."""
        return {
            "total": self._counts.total(),
            "counts": dict(self._counts),
            "now": self._time_s(),
            "last": list(self._newest),
        }
