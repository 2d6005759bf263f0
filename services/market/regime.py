"""The state of the market as a whole, as the scorer finds it and the gateway passes it on."""

from dataclasses import dataclass, field

from services.market.vocabulary import Trend, Volatility


@dataclass(frozen=True, slots=True)
class Regime:
    """One a scan, the same for every row. The default is that of a market of which nothing is known.

    Attributes:
        trend: direction of SPY; None without 200 sessions of it.
        volatility: volatility of SPY; None without 61 sessions of it, or without any movement.
        volatility_spike: whether SPY's volatility of 5 sessions is above 1.5 times that of 20; None if unknown.
        macro: values by name, as fractions; a field whose ETF is missing is absent.
        missing: context ETFs without closes.
    """

    trend: Trend | None = None
    volatility: Volatility | None = None
    volatility_spike: bool | None = None
    macro: dict[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
