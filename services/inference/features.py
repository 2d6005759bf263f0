"""The features of the default models."""

from typing import Final

FEATURES: Final = (
    "ret_1",
    "ret_5",
    "ret_21",
    "ret_63",
    "ret_126",
    "ret_189",
    "ret_252",
    "mom_12_1",
    "overnight_gap",
    "close_over_sma_10",
    "close_over_sma_20",
    "close_over_sma_50",
    "close_over_sma_100",
    "close_over_sma_200",
    "sma_20_over_50",
    "sma_50_over_200",
    "linreg_slope_20",
    "macd_hist_pct",
    "ppo",
    "plus_di_14",
    "minus_di_14",
    "adx_14",
    "rsi_2",
    "rsi_14",
    "stoch_d",
    "williams_r_14",
    "cci_20",
    "atr_pct_14",
    "vol_realized_20",
    "vol_realized_60",
    "vol_ratio_20_60",
    "downside_vol_20",
    "bb_width_20",
    "bb_pctb_20",
    "max_drawdown_63",
    "max_drawdown_252",
    "vol_spike",
    "volume_z_20",
    "vwap_dist_20",
    "cmf_20",
    "mfi_14",
    "pct_from_high_20",
    "pct_from_high_252",
    "pct_from_low_20",
    "pct_from_low_252",
    "donchian_pos_20",
    "beta_60",
    "beta_252",
    "corr_252",
    "alpha_residual_63",
)
"""Factors that the default models read, in their order. Chosen before any result was seen, by these rules:

- Scale-free: fractions, ratios, points. Levels of price, volume and dollars (units USD and shares) are left out:
  adjusted prices know later splits, and a level names the company instead of its state.
- Nothing of ema_50 and ema_200: their values depend on where the series begins.
- No second form of the same number: cmo_14 is 2 x rsi_14 - 100, roc_20 is nearly ret_21, rel_strength_n orders a
  session as ret_n does, and the two together would tell the session from others by SPY's return.
"""
