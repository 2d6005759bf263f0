"""How far a scan has come: counts by stage, the rate, and when it will be done."""

import time
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol


class Stage(IntEnum):
    """The part of a scan that is going on; numbers equal those of ScanProgress.Stage."""

    FETCH = 1
    SCORE = 2
    RANK = 3
    FETCH_SYMBOLS = 4


class Clock(Protocol):
    """A clock that never goes back, in seconds."""

    def __call__(self) -> float:
        """Return the time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a running scan.

    Attributes:
        stage: what is going on.
        done_count: units done in this stage: sessions in `FETCH`, else symbols.
        total_count: units in this stage.
        stage_s: seconds since the stage began.
        elapsed_s: seconds since the scan began.
        request_count: calls to the provider so far.
        scored_count: symbols scored so far.
        hit_count: sessions that were there when the scan came; 0 before that is known.
    """

    stage: Stage
    done_count: int
    total_count: int
    stage_s: float
    elapsed_s: float
    request_count: int
    scored_count: int
    hit_count: int = 0

    @property
    def rate(self) -> float:
        """Units a second since the stage began."""
        return self.done_count / self.stage_s if self.stage_s > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds until the stage ends at this rate; None before the first unit."""
        return (self.total_count - self.done_count) / self.rate if self.rate > 0 else None


class Tracker:
    """Keeps the state that snapshots are taken from, and the seconds that stages took."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._began = self._stage_began = clock()
        self._state = Progress(Stage.FETCH, 0, 0, 0.0, 0.0, 0, 0)
        self.timings: dict[str, float] = {}
        self.ready_count = 0
        self.wanted_count = 0

    def __repr__(self) -> str:
        return f"Tracker({self._state!r})"

    def elapsed(self) -> float:
        """Return seconds since the scan began."""
        return self._clock() - self._began

    @property
    def stage(self) -> Stage:
        """What is going on."""
        return self._state.stage

    def timed(self, name: str, began: float) -> None:
        """Record that the stage `name` lasted from `began` (as `elapsed` gave it) until now."""
        self.timings[name] = self.elapsed() - began

    def enter(self, stage: Stage, total_count: int) -> None:
        """Begin a stage."""
        self._stage_began = self._clock()
        self._state = replace(self._state, stage=stage, done_count=0, total_count=total_count)

    def listed(self, hit_count: int) -> None:
        """Take note of the sessions that were there when the scan came."""
        self._state = replace(self._state, hit_count=hit_count)

    def fetched(self, ready_count: int, wanted_count: int, request_count: int) -> None:
        """Take note of sessions that are there."""
        self.ready_count, self.wanted_count = ready_count, wanted_count
        self._state = replace(self._state, request_count=request_count)
        # A scorer that took another's place speaks of sessions again, while symbols are counted.
        if self.stage is not Stage.SCORE:
            self._state = replace(self._state, done_count=ready_count, total_count=wanted_count)

    def fetched_symbols(self, ready_count: int, wanted_count: int, request_count: int) -> None:
        """Take note of symbols that are there, where they come one by one."""
        if self.stage is not Stage.FETCH_SYMBOLS:
            self.enter(Stage.FETCH_SYMBOLS, wanted_count)
        self._state = replace(self._state, done_count=ready_count, request_count=request_count)

    def scored(self, outcome_count: int, scored_count: int) -> None:
        """Take note of symbols that got an outcome, some of them a score."""
        self._state = replace(
            self._state,
            done_count=self._state.done_count + outcome_count,
            scored_count=self._state.scored_count + scored_count,
        )

    def snapshot(self) -> Progress:
        """Return how far the scan is now."""
        now = self._clock()
        return replace(self._state, stage_s=now - self._stage_began, elapsed_s=now - self._began)
