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
    recursive: bool = False
    source: str = "plain arithmetic"
    version: int = 1
