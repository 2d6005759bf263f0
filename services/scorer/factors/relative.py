"""A symbol against SPY; without SPY all of these are NaN."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, NanRule, Unit
from services.scorer.indicators import Indicators

INPUTS = ("close", "benchmark")


def _beta(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"beta_{n}",
        family=Family.RELATIVE,
        unit=Unit.NUMBER,
        lookback=n + 1,
        inputs=INPUTS,
        description=f"Least-squares slope of {n} simple returns on those of SPY.",
        formula=lambda i: i.regression(n)[0],
        nan_rule=NanRule.NO_BENCHMARK,
    )


def _strength(n: int) -> FactorSpec:
    def formula(i: Indicators) -> NDArray[np.float64]:
        own = i.now("close") / i.ago("close", n)
        return own - i.now("benchmark") / i.ago("benchmark", n)

    return FactorSpec(
        name=f"rel_strength_{n}",
        family=Family.RELATIVE,
        unit=Unit.FRACTION,
        lookback=n + 1,
        inputs=INPUTS,
        description=f"Return over {n} sessions less SPY's.",
        formula=formula,
        nan_rule=NanRule.NO_BENCHMARK,
    )


SPECS = (
    _beta(60),
    _beta(252),
    FactorSpec(
        name="corr_252",
        family=Family.RELATIVE,
        unit=Unit.NUMBER,
        lookback=253,
        inputs=INPUTS,
        description="Correlation of 252 simple returns with those of SPY, -1 to 1.",
        formula=lambda i: i.regression(252)[2],
        nan_rule=NanRule.FLAT_OR_NO_BENCHMARK,
    ),
    FactorSpec(
        name="alpha_residual_63",
        family=Family.RELATIVE,
        unit=Unit.FRACTION,
        lookback=64,
        inputs=INPUTS,
        description="Intercept of 63 simple returns on those of SPY, times 252.",
        formula=lambda i: i.regression(63)[1] * 252.0,
        nan_rule=NanRule.NO_BENCHMARK,
    ),
    _strength(63),
    _strength(126),
    _strength(252),
)
