"""How much is traded, and on which side."""

import numpy as np
from numpy.typing import NDArray

from services.scorer.factors.spec import FactorSpec, Family, NanRule, Unit
from services.scorer.indicators import Indicators
from services.scorer.windows import share

Array = NDArray[np.float64]


def _volume_mean(i: Indicators) -> Array:
    return i.sma(20, "volume")


def _volume_z(i: Indicators) -> Array:
    return (i.now("volume") - _volume_mean(i)) / i.deviation(i.recent("volume", 20), 20, 1)


def _vwap_dist(i: Indicators) -> Array:
    volume = i.recent("volume", 20)
    return i.now("close") / (i.total(i.typical(20) * volume, 20) / i.total(volume, 20)) - 1.0


def _money_flow(i: Indicators, n: int) -> Array:
    """Volume weighted by where the close is in the range: -1 at the low, 1 at the high, 0 without a range."""
    high, low, close = i.recent("high", n), i.recent("low", n), i.recent("close", n)
    side = np.where(high == low, 0.0, ((close - low) - (high - close)) / (high - low))
    return side * i.recent("volume", n)


def _cmf(i: Indicators) -> Array:
    return i.total(_money_flow(i, 20), 20) / i.total(i.recent("volume", 20), 20)


def _obv_slope(i: Indicators) -> Array:
    change = i.recent("close", 19) - i.before("close", 19)
    return i.cumulated_slope(np.sign(change) * i.recent("volume", 19), 20) / _volume_mean(i)


def _ad_slope(i: Indicators) -> Array:
    return i.cumulated_slope(_money_flow(i, 19), 20) / _volume_mean(i)


def _up_down(i: Indicators) -> Array:
    change, volume = i.recent("close", 50) - i.before("close", 50), i.recent("volume", 50)
    nothing = change - change  # 0, and NaN where there is no change
    rising = i.total(np.where(change > 0.0, volume, nothing), 50)
    falling = i.total(np.where(change < 0.0, volume, nothing), 50)
    return rising / falling


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
        nan_rule=NanRule.NO_VOLUME,
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
        nan_rule=NanRule.SAME_VOLUME,
    ),
    FactorSpec(
        name="vwap_dist_20",
        family=Family.VOLUME,
        unit=Unit.FRACTION,
        lookback=20,
        inputs=("high", "low", "close", "volume"),
        description="Close over the volume-weighted mean typical price of 20 sessions, less 1.",
        formula=_vwap_dist,
        nan_rule=NanRule.NO_VOLUME,
    ),
    FactorSpec(
        name="cmf_20",
        family=Family.VOLUME,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("high", "low", "close", "volume"),
        description="Chaikin money flow, -1 to 1: volume weighted by where the close is in the range (no range: 0).",
        formula=_cmf,
        nan_rule=NanRule.NO_VOLUME,
        source="Chaikin; TA-Lib's AD line",
    ),
    FactorSpec(
        name="obv_slope_20",
        family=Family.VOLUME,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("close", "volume"),
        description="Least-squares slope a session of 20 values of on-balance volume, over volume_mean_20.",
        formula=_obv_slope,
        nan_rule=NanRule.NO_VOLUME,
        source="Granville; TA-Lib's OBV",
    ),
    FactorSpec(
        name="ad_slope_20",
        family=Family.VOLUME,
        unit=Unit.NUMBER,
        lookback=20,
        inputs=("high", "low", "close", "volume"),
        description="Least-squares slope a session of 20 values of Chaikin's accumulation line, over volume_mean_20.",
        formula=_ad_slope,
        nan_rule=NanRule.NO_VOLUME,
        source="Chaikin; TA-Lib's AD",
    ),
    FactorSpec(
        name="up_down_volume_50",
        family=Family.VOLUME,
        unit=Unit.NUMBER,
        lookback=51,
        inputs=("close", "volume"),
        description="Volume of the sessions with a higher close over that of those with a lower one, among 50.",
        formula=_up_down,
        nan_rule=NanRule.NO_FALLS,
        source="O'Neil",
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
