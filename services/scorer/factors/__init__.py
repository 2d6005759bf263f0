"""Factors: `compute` and `weekly` for a data frame, `FACTORS` and `WEEKLY` for what there is.

`registry` says how to add one.
"""

from services.scorer.factors.frame import compute, weekly
from services.scorer.factors.registry import FACTORS
from services.scorer.factors.weekly import WEEKLY

__all__ = ["FACTORS", "WEEKLY", "compute", "weekly"]
