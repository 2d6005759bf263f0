"""How much is traded, and on which side."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, Unit
from services.scorer.indicators import Indicators, share

Array = NDArray[np.float64]


def _volume_mean(i: Indicators) -> Array:
    return i.sma(20, "volume")


def _volume_z(i: Indicators) -> Array:
    return (i.now("volume") - _volume_mean(i)) / i.deviation(i.recent("volume", 20), 20, 1)


def _vwap_dist(i: Indicators) -> Array:
    volume = i.recent("volume", 20)
    return i.now("close") / (i.total(i.typical(20) * volume, 20) / i.total(volume, 20)) - 1.0


def _cmf(i: Indicators) -> Array:
    high, low, close = i.recent("high", 20), i.recent("low", 20), i.recent("close", 20)
    volume = i.recent("volume", 20)
    side = np.where(high == low, 0.0, ((close - low) - (high - close)) / (high - low))
    return i.total(side * volume, 20) / i.total(volume, 20)


def _mfi(i: Indicators) -> Array:
    typical = i.typical(15)
    flow = typical[1:] * i.recent("volume", 15)[1:]
    change = typical[1:] - typical[:-1]
    nothing = change - change  # 0, and NaN where there is no change
    inflow = i.total(np.where(change > 0.0, flow, nothing), 14)
    outflow = i.total(np.where(change < 0.0, flow, nothing), 14)
    return share(inflow, inflow + outflow)


def _dollar_volume(n: int) -> FactorSpec:
    return FactorSpec(
        name=f"dollar_vol_{n}",
        family=Family.VOLUME,
        unit=Unit.USD,
        lookback=n,
        inputs=("close", "volume"),
        description=f"Mean of close x volume over {n} sessions.",
        formula=lambda i: i.mean(i.recent("close", n) * i.recent("volume", n), n),
    )


SPECS = (
    FactorSpec(
        name="volume_mean_20",
        family=Family.VOLUME,
        unit=Unit.SHARES,
        lookback=20,
        inputs=("volume",),
        description="Mean volume of 20 sessions.",
        formula=_volume_mean,
    ),
    _dollar_volume(20),
    _dollar_volume(60),
    FactorSpec(
        name="vol_spike",
        family=Family.VOLUME,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("volume",),
        description="Volume over volume_mean_20, in which as_of counts.",
        formula=lambda i: i.now("volume") / _volume_mean(i),
    ),
    FactorSpec(
        name="volume_z_20",
        family=Family.VOLUME,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("volume",),
        description="Volume less volume_mean_20, in standard deviations (ddof 1) of the same 20 sessions.",
        formula=_volume_z,
    ),
    FactorSpec(
        name="vwap_dist_20",
        family=Family.VOLUME,
        unit=Unit.FRACTION,
        lookback=20,
        inputs=("high", "low", "close", "volume"),
        description="Close over the volume-weighted mean typical price of 20 sessions, less 1.",
        formula=_vwap_dist,
    ),
    FactorSpec(
        name="cmf_20",
        family=Family.VOLUME,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("high", "low", "close", "volume"),
        description="Chaikin money flow, -1 to 1: volume weighted by where the close is in the range (no range: 0).",
        formula=_cmf,
        source="Chaikin; TA-Lib's AD line",
    ),
    FactorSpec(
        name="mfi_14",
        family=Family.VOLUME,
        unit=Unit.POINTS,
        lookback=15,
        inputs=("high", "low", "close", "volume"),
        description="Money flow index: share of typical price x volume that came with a rise, 0 to 100.",
        formula=_mfi,
        source="TA-Lib",
    ),
)
