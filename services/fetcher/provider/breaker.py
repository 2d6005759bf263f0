"""The circuit breaker: while the provider is down, calls fail at once, and only a probe at a time goes out to it."""

import random
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from services.fetcher.provider.decode import EmptyAnswerError
from services.fetcher.timer import Timer
from services.market.errors import MalformedAnswerError, ProviderUnavailableError, TechnicError

THRESHOLD: Final = 10
"""Failed attempts in a row that open it: a blip that hits half of the calls in flight, or a provider that is down."""
FIRST_COOLING_S: Final = 1.0
LONGEST_COOLING_S: Final = 30.0
"""Seconds from opening to the first probe, doubled after every probe that fails, and at most; half of it is jitter."""
PROBE_S: Final = 1.0
"""Seconds after which to ask again while a probe is out: what it finds counts for all."""


class CircuitOpenError(ProviderUnavailableError):
    """The provider has been failing, and this call was not made: `retry_after_s` says when to try."""


class Breaker:
    """Counts failed attempts in a row; opens after `threshold` of them, closes with the first answer.

    Closed, all attempts go out. Open, none does until the cooling time is over; then one at a time does, the probe. A
    probe that fails doubles the cooling time; any answer, were it a refusal of the key, closes the breaker. Attempts
    that were under way when it opened do not count as probes, but their answers close it too.

    Args:
        timer: the time.
        random_share: draws from 0..1, for the jitter.
        threshold: failed attempts in a row that open it.
    """

    def __init__(
        self, timer: Timer, random_share: Callable[[], float] = random.random, threshold: int = THRESHOLD
    ) -> None:
        self._timer = timer
        self._random_share = random_share
        self._threshold = threshold
        self._failed_count = 0
        self._failing_since = 0.0
        self._cooling_s = 0.0
        self._next_probe_at = 0.0
        self._probing = False

    def __repr__(self) -> str:
        if not self.is_open:
            return f"Breaker(closed, {self._failed_count} of {self._threshold} failures)"
        state = "probing" if self._probing else f"next probe in {self._wait_s():.1f} s"
        return f"Breaker(open, {self._failed_count} failures, {state})"

    @property
    def is_open(self) -> bool:
        """Whether the provider is taken to be down."""
        return self._cooling_s > 0

    def check(self) -> None:
        """Raise CircuitOpenError unless an attempt may go out now."""
        if self.is_open and (self._probing or self._wait_s() > 0):
            since_s = self._timer.time() - self._failing_since
            wait_s = PROBE_S if self._probing else self._wait_s()
            raise CircuitOpenError(
                f"The provider has been failing for {since_s:.0f} s, {self._failed_count} calls in a row; "
                f"the next try is in {wait_s:.0f} s",
                retry_after_s=wait_s,
            )

    def begin(self) -> bool:
        """Let an attempt out, and tell whether it is the probe; raises CircuitOpenError if it may not go."""
        self.check()
        self._probing = self._probing or self.is_open
        return self.is_open

    def answered(self) -> None:
        """Take note that the provider answered: it is there."""
        self._failed_count, self._cooling_s, self._probing = 0, 0.0, False

    def failed(self, *, probe: bool) -> None:
        """Take note of an attempt that failed; `probe` is what `begin` told of it."""
        if self._failed_count == 0:
            self._failing_since = self._timer.time()
        self._failed_count += 1
        if probe:
            self._probing = False
            if self.is_open:
                self._cool(min(2 * self._cooling_s, LONGEST_COOLING_S))
        elif not self.is_open and self._failed_count >= self._threshold:
            self._cool(FIRST_COOLING_S)

    def left(self, *, probe: bool) -> None:
        """Take note of an attempt that ended without telling anything: it was cancelled."""
        self._probing = self._probing and not probe

    def _cool(self, seconds: float) -> None:
        self._cooling_s = seconds
        self._next_probe_at = self._timer.time() + seconds * (1 + self._random_share()) / 2

    def _wait_s(self) -> float:
        return max(self._next_probe_at - self._timer.time(), 0.0)


class Attempt:
    """One attempt as the breaker sees it: a context that tells it how the attempt ended.

    Raises:
        CircuitOpenError: on entering, and by `begin`, if it may not go out.
    """

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._probe: bool | None = None

    def __enter__(self) -> Self:
        self._breaker.check()
        return self

    def begin(self) -> None:
        """Go out to the provider: the last thing before sending, for the waits before it can be long."""
        self._probe = self._breaker.begin()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._probe is None:
            return
        if error is None or _is_answer(error):
            self._breaker.answered()
        elif isinstance(error, TechnicError):
            self._breaker.failed(probe=self._probe)
        else:
            self._breaker.left(probe=self._probe)


def _is_answer(error: BaseException) -> bool:
    """Tell whether an error is the word of a provider that works: a refusal, or nothing for a session."""
    if isinstance(error, EmptyAnswerError):
        return True
    return isinstance(error, TechnicError) and not isinstance(error, ProviderUnavailableError | MalformedAnswerError)
