"""All factors of a block."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.market.panel import FIELDS, Panel
from services.market.scoring import ScoringConfig
from services.market.weeks import WEEKLY_SESSIONS
from services.scorer.factors.registry import FACTORS
from services.scorer.factors.spec import FactorSpec
from services.scorer.factors.weekly import WEEKLY
from services.scorer.formulas import last_values
from services.scorer.quality import suspect_flags
from services.scorer.rating import RATING_COLUMNS
from services.scorer.series import Series, carry_series
from services.scorer.weeks import week_series

Array = NDArray[np.float64]


class FactorEngine:
    """Computes every registered factor; holds no state between blocks, so any number of threads may share one.

    Args:
        config: history rules, weights and thresholds.
        specs: the factors, in the order of the columns.

    Raises:
        ValueError: two factors have one name.
    """

    def __init__(self, config: ScoringConfig, specs: tuple[FactorSpec, ...] = FACTORS) -> None:
        self.config = config
        self.specs = specs
        self.names = tuple(spec.name for spec in specs)
        self.versions = {spec.name: spec.version for spec in (*specs, *WEEKLY)}
        self.columns = (*self.names, *RATING_COLUMNS)
        if len(set(self.columns_of(weekly=True))) != len(self.columns) + len(WEEKLY):
            raise ValueError("two columns have one name")

    def columns_of(self, *, weekly: bool) -> tuple[str, ...]:
        """Return the names of a row's columns: factors, ratings and, if they are asked for, weekly factors."""
        return (*self.columns, *(spec.name for spec in WEEKLY)) if weekly else self.columns

    def compute(self, series: Series, benchmark: Array | None) -> Array:
        """Compute every factor at the last session.

        Args:
            series: carried bars.
            benchmark: (session,) float64, SPY's carried closes over the same sessions; None: market-relative factors
                are NaN.

        Returns:
            (symbol, factor) float64, C order. A value that does not exist (too little history, a range of zero) is NaN,
            always the same one, and never inf.
        """
        return last_values(self.specs, series, benchmark)

    def compute_weekly(self, panel: Panel) -> Array:
        """Compute the weekly factors at the last week, which ends with the last session.

        Args:
            panel: bars of 504 sessions; with fewer the longest factors may have no value.

        Returns:
            (symbol, weekly factor) float64, in the panel's order; NaN = too few weeks.
        """
        rules = replace(self.config.history, sessions=WEEKLY_SESSIONS, early_sessions=1, minimum_bars=1)
        series = carry_series(panel, rules)
        return last_values(WEEKLY, week_series(series, panel.session_days[-WEEKLY_SESSIONS:]), None)

    def warm(self) -> None:
        """Compile every kernel, or load it from numba's cache: seconds once, then about a third of one."""
        sessions = self.config.history.sessions
        bars = np.ones((len(FIELDS), sessions, 1))
        panel = Panel(("WARM",), np.arange(sessions, dtype=np.int32), np.ones(sessions, np.bool_), bars)
        series = carry_series(panel, self.config.history)
        suspect_flags(panel, series, self.config.quality)
        self.compute(series, np.ones(sessions))
        self.compute_weekly(panel)
