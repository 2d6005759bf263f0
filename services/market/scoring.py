"""The scoring configuration: one versioned TOML, validated and hashed, read by the scorer and the gateway alike."""

import hashlib
import tomllib
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeVar

from services.market.trading import DEFAULT_PROFILE, DEFAULT_STYLE, PlanRules, Profile, Style

CONFIG_PATH = Path(__file__).with_name("scoring.toml")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HistoryRules:
    """Which series are scored at all; counts of sessions or bars."""

    sessions: int
    early_sessions: int
    minimum_bars: int
    stale_sessions: int
    thin_window: int
    thin_carried: int


@dataclass(frozen=True, slots=True)
class RatingWeights:
    """Weight of each sub-score in TechRating."""

    trend: float
    momentum: float
    volume: float
    oscillator: float
    breakout: float


@dataclass(frozen=True, slots=True)
class SignalThresholds:
    """TechRating at which each signal begins; inclusive."""

    strong_long: float
    long: float
    short: float
    strong_short: float


@dataclass(frozen=True, slots=True)
class ScoreWeights:
    """Weight of each percentile in the score; they add up to 1."""

    tech_rating: float
    alpha: float
    dollar_volume: float
    atr_pct: float


@dataclass(frozen=True, slots=True)
class FlagThresholds:
    """Where flags begin; USD, fractions, counts."""

    low_liquidity_usd: float
    high_atr_pct: float
    very_high_atr_pct: float
    pinned_atr_pct: float
    small_cap_usd: float
    micro_cap_usd: float
    small_cross_section: int


@dataclass(frozen=True, slots=True)
class QualityRules:
    """Where bars become suspect: ratios of prices, fractions, counts of bars or sessions, factors of volume."""

    max_range: float
    spike_move: float
    spike_undone: float
    frozen_bars: int
    base_ratios: tuple[float, ...]
    base_tolerance: float
    base_window: int
    base_volume: float

    def __post_init__(self) -> None:
        ratios = (1.0, *self.base_ratios)
        faults = {
            "max_range must be above 1": self.max_range <= 1,
            "spike_move must be above 1": self.spike_move <= 1,
            "spike_undone must be at least 0 and not reach the move": not 0 <= self.spike_undone < self.spike_move - 1,
            "frozen_bars must be at least 2": self.frozen_bars < 2,
            "base_ratios must ascend from above 1": len(ratios) < 2 or any(a >= b for a, b in pairwise(ratios)),
            "base_tolerance must be at least 0 and less than half": not 0 <= self.base_tolerance < 0.5,
            "base_window must be at least 1": self.base_window < 1,
            "base_volume must be at least 1": self.base_volume < 1,
        }
        if said := [fault for fault, found in faults.items() if found]:
            raise ValueError(f"scoring.toml: [quality] {said[0]}")


@dataclass(frozen=True, slots=True)
class ScoringConfig:
    """Everything in `scoring.toml`.

    Attributes:
        profiles: by name; `none` is always there.
        styles: trade styles by name; `swing` is always there, and what `technic evaluate` measures.
        config_hash: hex sha256 of the parsed values, so that a changed comment is no new configuration.
    """

    version: int
    history: HistoryRules
    rating_weights: RatingWeights
    signals: SignalThresholds
    score_weights: ScoreWeights
    flags: FlagThresholds
    quality: QualityRules
    profiles: dict[str, Profile]
    styles: dict[str, Style]
    plans: PlanRules
    config_hash: str

    @property
    def alpha_weights(self) -> dict[str, float]:
        """Weight of each model's z-scored alpha in the score of the default style, by model role."""
        return self.styles[DEFAULT_STYLE].alpha_weights

    @classmethod
    def load(cls, path: Path = CONFIG_PATH) -> Self:
        """Read and validate the configuration.

        Raises:
            ValueError: a key is unknown or missing, or the weights do not add up; the text names it.
        """
        table = tomllib.loads(path.read_text())
        digest = hashlib.sha256(repr(_sorted(table)).encode()).hexdigest()
        rating, score = table["rating"], table["score"]
        config = cls(
            version=table["version"],
            history=_build(HistoryRules, table["history"]),
            rating_weights=_build(RatingWeights, rating["weights"]),
            signals=_build(SignalThresholds, rating["signals"]),
            score_weights=_build(ScoreWeights, score["weights"]),
            flags=_build(FlagThresholds, table["flags"]),
            quality=_build(QualityRules, table["quality"] | {"base_ratios": tuple(table["quality"]["base_ratios"])}),
            profiles={name: _build(Profile, limits) for name, limits in table["profiles"].items()},
            styles={name: _build_style(style) for name, style in table["styles"].items()},
            plans=_build(PlanRules, table["plans"]),
            config_hash=digest,
        )
        weights = config.score_weights
        if abs(weights.tech_rating + weights.alpha + weights.dollar_volume + weights.atr_pct - 1) > 1e-12:
            raise ValueError(f"{path.name}: the weights of [score.weights] do not add up to 1")
        if DEFAULT_PROFILE not in config.profiles or DEFAULT_STYLE not in config.styles:
            raise ValueError(f"{path.name}: profile {DEFAULT_PROFILE} and style {DEFAULT_STYLE} must be there")
        return config


def _build_style(values: dict[str, Any]) -> Style:
    return _build(Style, values | {"rating_without": tuple(values.get("rating_without", ()))})


def _build(kind: type[T], values: dict[str, Any]) -> T:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every kind here is a dataclass
    if unknown := set(values) - known:
        raise ValueError(f"scoring.toml: unknown key {', '.join(sorted(unknown))} for {kind.__name__}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"scoring.toml: {error}") from None


def _sorted(value: object) -> object:
    """Order tables by key, so that the hash does not depend on the order of lines."""
    return [(key, _sorted(item)) for key, item in sorted(value.items())] if isinstance(value, dict) else value
