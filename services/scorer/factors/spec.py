"""What a factor is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from services.scorer.indicators import Indicators

Formula = Callable[[Indicators], NDArray[np.float64]]


class Family(StrEnum):
    """The table of scoring.md that a factor stands in."""

    RETURNS = "returns"
    TREND = "trend"
    OSCILLATORS = "oscillators"
    VOLATILITY = "volatility"
    VOLUME = "volume"
    EXTREMES = "extremes"
    RELATIVE = "market-relative"


class Unit(StrEnum):
    """What a factor's number counts."""

    USD = "USD"
    SHARES = "shares"
    FRACTION = "fraction"
    POINTS = "points"
    """0 to 100, -100 to 0 or an unbounded index such as CCI."""
    NUMBER = "number"
    """A ratio or a count of standard deviations."""
    SESSIONS = "sessions"
    FLAG = "flag"
    """1 for yes, 0 for no."""


class NanRule(StrEnum):
    """When a factor has no value, beside prices of zero and what overflows."""

    SHORT = "fewer sessions than the lookback"
    FLAT = "fewer sessions than the lookback, or prices that do not move"
    NO_VOLUME = "fewer sessions than the lookback, or no volume"
    SAME_VOLUME = "fewer sessions than the lookback, or a volume that does not vary"
    NO_FALLS = "fewer sessions than the lookback, or no volume on falls"
    NO_BENCHMARK = "fewer sessions than the lookback, or SPY is absent"
    FLAT_OR_NO_BENCHMARK = "fewer sessions than the lookback, prices that do not move, or SPY is absent"


@dataclass(frozen=True, slots=True)
class FactorSpec:
    """A factor, declared once: its identity, what it reads, and its formula.

    Attributes:
        name: lower case, window last.
        family: where it belongs.
        unit: unit of its values.
        lookback: sessions, ending with as_of, without which it is NaN.
        inputs: fields of the bars that it reads, and `benchmark`.
        description: one sentence.
        nan_rule: when there is no value.
        formula: (row, symbol) values from the indicators of a block; inf and NaN both mean that there is none.
        recursive: whether sessions older than the lookback still count, as in an exponential average.
        source: whose definition it is.
        version: raised whenever a value may differ.
    """

    name: str
    family: Family
    unit: Unit
    lookback: int
    inputs: tuple[str, ...]
    description: str
    formula: Formula
    nan_rule: NanRule = NanRule.SHORT
    recursive: bool = False
    source: str = "plain arithmetic"
    version: int = 1
