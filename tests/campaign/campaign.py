"""What all parts of a campaign share."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.benchmarks.stacks import Provider
from tests.campaign.table import Row

GRACE_S = 0.1
"""Seconds after its budget by which a scan has answered."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A run of the campaign.

    Attributes:
        provider: the running simulator.
        runs: how often each thing is tried at most; None for each part's own number.
        states: that scans under a budget start from.
        budgets_s: those budgets, in seconds.
        random: all randomness.
        say: tells a person what is going on.
    """

    provider: Provider
    runs: int | None
    states: Sequence[str]
    budgets_s: Sequence[float]
    random: Random
    say: Callable[[str], None]

    def runs_of(self, number: int) -> int:
        """Return how often a thing is tried whose own number is `number`."""
        return number if self.runs is None else min(self.runs, number)


Part = Callable[[Campaign], AsyncIterator[Row]]
