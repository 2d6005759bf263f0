"""How a scan may be traded: risk profiles, trade styles, and what trade plans are made by. Read from scoring.toml."""

from dataclasses import dataclass
from typing import Final

DEFAULT_PROFILE: Final = "none"
DEFAULT_STYLE: Final = "swing"
ALPHAS: Final = ("alpha_5", "alpha_10")
"""Roles of the models whose alphas a style may weigh."""
SUB_SCORES: Final = ("trend", "momentum", "volume", "oscillator", "breakout")
"""Parts of TechRating that a style may leave out."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A risk profile: limits of rows, None is no limit, and what a trade may lose.

    Attributes:
        max_atr_pct: of atr_pct_14, a fraction.
        min_price: USD.
        min_dollar_volume: of dollar_vol_20, USD a session.
        min_score: points; short candidates must keep below 100 less this.
        risk: part of the account that one trade may lose.
        target_rr: distance of the target from the entry, in distances of the stop; the larger of this and the style's.
    """

    max_atr_pct: float | None = None
    min_price: float | None = None
    min_dollar_volume: float | None = None
    min_score: float | None = None
    risk: float = 0.01
    target_rr: float = 2.0

    def __post_init__(self) -> None:
        _refuse(
            "profiles", {"risk must be above 0 and at most 1": not 0 < self.risk <= 1} | _target_faults(self.target_rr)
        )


@dataclass(frozen=True, slots=True)
class Style:
    """A trade style: what the score of a row looks at.

    Attributes:
        alpha_weights: weight of each model's z-scored alpha, by model role; they add up to 1.
        horizon: sessions that the style looks ahead.
        target_rr: as of `Profile`.
        rating_without: sub-scores that TechRating leaves out.
    """

    alpha_weights: dict[str, float]
    horizon: int
    target_rr: float
    rating_without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        weights = self.alpha_weights
        faults = {
            f"alpha_weights must be of {', '.join(ALPHAS)}": not weights or not set(weights) <= set(ALPHAS),
            "alpha_weights must add up to 1": abs(sum(weights.values()) - 1) > 1e-12,
            "horizon must be at least 1": self.horizon < 1,
            f"rating_without must be of {', '.join(SUB_SCORES)}": not set(self.rating_without) <= set(SUB_SCORES),
        }
        _refuse("styles", faults | _target_faults(self.target_rr))


@dataclass(frozen=True, slots=True)
class PlanRules:
    """How trade plans are made: distances in ATRs, sizes, USD.

    Attributes:
        nearest_stop_atr: the stop is at least so far from the close.
        farthest_stop_atr: and at most so far.
        entry_atr: the entry is so far from the close, in the direction of the trade.
        least_atr_ticks: a smaller ATR gives no plan.
        volume_share: part of volume_mean_20 that is traded at most.
        account_usd: size of an account that nobody named.
    """

    nearest_stop_atr: float
    farthest_stop_atr: float
    entry_atr: float
    least_atr_ticks: float
    volume_share: float
    account_usd: float

    def __post_init__(self) -> None:
        faults = {
            "the nearest stop must be above 0 and before the farthest": not 0
            < self.nearest_stop_atr
            <= self.farthest_stop_atr,
            "entry_atr must be at least 0": self.entry_atr < 0,
            # So that stop and entry never round to one tick.
            "least_atr_ticks must be at least 1": self.least_atr_ticks < 1,
            "volume_share must be above 0 and at most 1": not 0 < self.volume_share <= 1,
            "account_usd must be above 0": self.account_usd <= 0,
        }
        _refuse("plans", faults)


def _target_faults(target_rr: float) -> dict[str, bool]:
    return {"target_rr must be above 0": target_rr <= 0}


def _refuse(table: str, faults: dict[str, bool]) -> None:
    """Raise the first fault that was found."""
    if said := [fault for fault, found in faults.items() if found]:
        raise ValueError(f"scoring.toml: [{table}] {said[0]}")
