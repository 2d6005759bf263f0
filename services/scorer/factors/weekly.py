"""Factors of weekly bars: those of the registry over weeks. Computed only when asked for."""

from dataclasses import replace

from services.market.weeks import WEEKLY_PREFIX
from services.scorer.factors import trend
from services.scorer.factors.registry import FACTORS
from services.scorer.factors.spec import FactorSpec

_NAMES = ("sma_10", "sma_20", "sma_40", "rsi_14", "macd", "roc_10", "adx_14")


def _weekly(spec: FactorSpec) -> FactorSpec:
    return replace(spec, name=f"{WEEKLY_PREFIX}{spec.name}")


_KNOWN = {spec.name: spec for spec in (*FACTORS, trend.sma(40))}

WEEKLY = tuple(_weekly(_KNOWN[name]) for name in _NAMES)
"""Their lookbacks count weeks."""
