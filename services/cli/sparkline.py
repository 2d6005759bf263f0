"""A year of a price in seven letters, from the returns that a row has."""

import math
from collections.abc import Mapping
from typing import Final

from rich.text import Text

RETURNS: Final = ("ret_252", "ret_189", "ret_126", "ret_63", "ret_21", "ret_5")
"""Factors that tell where the price was: a year, three quarters, a half, a quarter, a month and a week ago."""
_LEVELS: Final = "▁▂▃▄▅▆▇█"


def draw_year(factors: Mapping[str, float]) -> Text:
    """Draw where the close was at the sessions of RETURNS, then now; a blank where a return is not known.

    Green if it is higher than at the first that is known, red if it is lower.
    """
    prices = [1 / (1 + factors.get(name, math.nan)) if factors.get(name) != -1 else math.nan for name in RETURNS]
    prices.append(1.0)
    known = [price for price in prices if math.isfinite(price)]
    low, span = min(known), max(known) - min(known)
    letters = [" " if not math.isfinite(price) else _letter((price - low) / span if span else 0.5) for price in prices]
    return Text("".join(letters), "green" if known[-1] > known[0] else "red" if known[-1] < known[0] else "")


def _letter(height: float) -> str:
    """Return the letter of a height, 0 to 1."""
    return _LEVELS[min(int(height * len(_LEVELS)), len(_LEVELS) - 1)]
