"""Factors: `compute` for a data frame, `FACTORS` for what there is. `registry` says how to add one."""

from services.scorer.factors.frame import compute
from services.scorer.factors.registry import FACTORS

__all__ = ["FACTORS", "compute"]
