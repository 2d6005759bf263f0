"""Returns of the close over several windows, and the gap at the open."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, Unit
from services.scorer.indicators import Indicators


def _gap_mean(i: Indicators) -> NDArray[np.float64]:
    return i.mean(np.abs(i.recent("open", 10) / i.before("close", 10) - 1.0), 10)


def _return(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"ret_{n}",
        family=Family.RETURNS,
        unit=Unit.FRACTION,
        lookback=n + 1,
        inputs=("close",),
        description=f"Simple return of the close over {n} sessions.",
        formula=lambda i: i.now("close") / i.ago("close", n) - 1.0,
    )


SPECS = (
    *(_return(n) for n in (1, 5, 21, 63, 126, 189, 252)),
    FactorSpec(
        name="mom_12_1",
        family=Family.RETURNS,
        unit=Unit.FRACTION,
        lookback=253,
        inputs=("close",),
        description="Return over the 252 sessions up to as_of without the last 21.",
        formula=lambda i: i.ago("close", 21) / i.ago("close", 252) - 1.0,
        source="Jegadeesh and Titman 1993",
    ),
    FactorSpec(
        name="overnight_gap",
        family=Family.RETURNS,
        unit=Unit.FRACTION,
        lookback=2,
        inputs=("open", "close"),
        description="Open over the previous close, less 1.",
        formula=lambda i: i.now("open") / i.ago("close", 1) - 1.0,
    ),
    FactorSpec(
        name="gap_mean_10",
        family=Family.RETURNS,
        unit=Unit.FRACTION,
        lookback=11,
        inputs=("open", "close"),
        description="Mean size of overnight_gap, whichever its sign, over 10 sessions.",
        formula=_gap_mean,
    ),
)
