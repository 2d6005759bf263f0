"""Trade plans: entry, stop, target and shares of every row with a signal. Pure and vectorised.

Source: scoring.md, "Trade plan". Prices are counted in units of 0.0001 USD, whole numbers that float64 holds exactly,
so that they lie on ticks and the distance of a stop is no rounded difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from services.gateway.selection import PlanOptions
from services.market.trading import PlanRules, Profile, Style
from services.market.vocabulary import LONGS, SHORTS, NoPlan, ShareCap

Floats = NDArray[np.float64]

COLUMNS: Final = ("close", "atr_14", "low_10", "high_10", "volume_mean_20")
"""What plans are made from."""
UNITS: Final = 10_000.0
"""Units of price in one USD."""
_ON_TICK: Final = 1e-6
"""Part of a tick by which a price may miss it and still lie on it: floats do not hold decimals."""


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What plans are sized by.

    Attributes:
        account_usd: size of the account.
        risk: part of the account that one trade may lose.
        target_rr: distance of the target from the entry, in distances of the stop.
    """

    account_usd: float
    risk: float
    target_rr: float

    @classmethod
    def of(cls, options: PlanOptions, profile: Profile, style: Style, rules: PlanRules) -> Self:
        """Fill in what the request leaves open; the larger R:R of profile and style is taken."""
        return cls(
            account_usd=rules.account_usd if options.account_usd is None else options.account_usd,
            risk=profile.risk if options.risk is None else options.risk,
            target_rr=max(profile.target_rr, style.target_rr),
        )


@dataclass(frozen=True, slots=True)
class Plans:
    """Trade plans, a value a symbol.

    Attributes:
        terms: what they were sized by.
        entries: (symbol,) float64, USD on ticks; NaN without a plan.
        stops: as entries.
        targets: as entries.
        shares: (symbol,) int64; 0 without a plan.
        share_caps: (symbol,) int, numbers of `ShareCap`; 0 without a plan.
        no_plans: (symbol,) int, numbers of `NoPlan`; 0 with a plan.
    """

    terms: PlanTerms
    entries: Floats
    stops: Floats
    targets: Floats
    shares: NDArray[np.int64]
    share_caps: NDArray[np.int64]
    no_plans: NDArray[np.int64]


def make_plans(columns: Mapping[str, Floats], signals: NDArray[np.int64], terms: PlanTerms, rules: PlanRules) -> Plans:
    """Make a plan for every symbol whose signal is not AVOID.

    Args:
        columns: (symbol,) float64 by name, those of `COLUMNS`; NaN = undefined.
        signals: (symbol,) numbers of `Signal`.
        terms: account, risk, R:R.
        rules: distances and caps.
    """
    long, short = np.isin(signals, LONGS), np.isin(signals, SHORTS)
    # A short is a long in a mirror: with negated prices its high is the low, and rounding up is rounding down.
    side = np.where(short, -1.0, 1.0)
    close, atr, volume = side * columns["close"], columns["atr_14"], columns["volume_mean_20"]
    low = np.where(short, -columns["high_10"], columns["low_10"])
    stop = np.clip(low, close - rules.farthest_stop_atr * atr, close - rules.nearest_stop_atr * atr)
    stop = _on_ticks(stop * UNITS, np.floor)
    entry = _on_ticks((close + rules.entry_atr * atr) * UNITS, np.ceil)
    target = _on_ticks(entry + terms.target_rr * (entry - stop), np.ceil)
    causes = {
        NoPlan.NO_SIGNAL: ~(long | short),
        NoPlan.MISSING_DATA: np.isnan(close) | np.isnan(atr) | np.isnan(low) | np.isnan(volume),
        NoPlan.ATR_TOO_SMALL: atr * UNITS < rules.least_atr_ticks * _tick(close * UNITS),
        NoPlan.STOP_NOT_POSITIVE: side * stop <= 0,
        NoPlan.TARGET_NOT_POSITIVE: side * target <= 0,
    }
    no_plans = np.select(list(causes.values()), [np.int64(cause) for cause in causes], np.int64(0))
    there = no_plans == 0
    entry, stop, target = (np.where(there, side * price / UNITS, np.nan) for price in (entry, stop, target))
    shares, caps = _size(entry, stop, volume, terms, rules)
    return Plans(
        terms=terms,
        entries=entry,
        stops=stop,
        targets=target,
        shares=np.where(there, shares, 0.0).astype(np.int64),
        share_caps=np.where(there, caps, 0),
        no_plans=no_plans,
    )


def _size(
    entry: Floats, stop: Floats, volume: Floats, terms: PlanTerms, rules: PlanRules
) -> tuple[Floats, NDArray[np.int64]]:
    """Return (symbol,) whole shares by the tightest cap, and its number of `ShareCap`; of two equal ones the first."""
    price, distance = np.rint(entry * UNITS), np.rint(np.abs(entry - stop) * UNITS)
    by_risk, by_account = terms.account_usd * terms.risk * UNITS / distance, terms.account_usd * UNITS / price
    limits = np.stack([by_risk, rules.volume_share * volume, by_account])
    return np.floor(limits.min(axis=0)), limits.argmin(axis=0) + int(ShareCap.RISK)


def _tick(units: Floats) -> Floats:
    """Return the tick at a price, both in units: 0.01 USD, below 1 USD 0.0001."""
    return np.where(np.abs(units) >= UNITS, 100.0, 1.0)


def _on_ticks(units: Floats, rounded: Callable[[Floats], Floats]) -> Floats:
    """Round prices, in units, to ticks; one that misses a tick by a float's error only lies on it."""
    tick = _tick(units)
    count = units / tick
    nearest = np.rint(count)
    return np.where(np.abs(count - nearest) < _ON_TICK, nearest, rounded(count)) * tick
