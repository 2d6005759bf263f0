"""Labels of sessions, by which figures are given apart: when they were, and in which regime a scan found the market."""

from services.cli.training_history import History
from services.inference.appraise import Labels
from services.market.sessions import from_day_number
from services.scorer.regime import find_regime


def label_sessions(history: History) -> Labels:
    """Label each session of a history by its year, its quarter, and the regime that a scan of it would have found."""
    positions = history.positions.tolist()
    regimes = {position: find_regime({"SPY": history.benchmark[: position + 1]}) for position in positions}
    dates = {p: from_day_number(int(day)) for p, day in zip(positions, history.session_days, strict=True)}
    return {
        "year": {p: str(day.year) for p, day in dates.items()},
        "quarter": {p: f"{day.year} Q{(day.month + 2) // 3}" for p, day in dates.items()},
        "trend": {p: regime.trend.name if regime.trend else "unknown" for p, regime in regimes.items()},
        "volatility": {p: regime.volatility.name if regime.volatility else "unknown" for p, regime in regimes.items()},
    }
