"""What was known about each stock on every 5th session, by the scorer's own formulas, and which rows count."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.cli.training_slices import find_slices
from services.inference.features import FEATURES
from services.inference.labels import forward_returns, percentiles
from services.inference.training_set import TrainingSet
from services.market.errors import LocalDataError
from services.market.panel import Panel
from services.market.scoring import HistoryRules
from services.scorer.engine import FactorEngine
from services.scorer.history import factor_history
from services.scorer.series import carry_series

Array = NDArray[np.float64]

WARM_UP: Final = 252
"""Sessions before the first row: with fewer, the factors that are missing would tell the date."""
SPACING: Final = 5
MEDIAN_SESSIONS: Final = 60
LEAST_DOLLAR_VOLUME, LEAST_CLOSE = 1e6, 2.0
UNIVERSE_RULE: Final = (
    "common shares, ADRs and symbols of unknown type, without test issues and without preferred shares by name; on "
    "each session those that traded, with at least 60 bars among the newest 300, a median dollar volume of 60 sessions "
    "of at least 1 million USD and an adjusted close of at least 2 USD"
)
CHUNK: Final = 256
STYLES: Final = ("vol_realized_60", "beta_252", "mom_12_1", "median_dollar_volume")
RIVALS: Final = ("tech_rating", "mom_12_1", "ret_5", "vol_realized_60")
SCORE_COLUMNS: Final = ("tech_rating", "dollar_vol_20", "atr_pct_14")
"""What the score reads beside the alphas."""
DECAY: Final = (1, 5, 10, 20, 40)
"""Sessions over which returns are looked at, whatever the horizon."""


@dataclass(frozen=True, slots=True)
class History:
    """Rows of all horizons.

    Attributes:
        names: (feature,) `name@version`.
        features: (position, symbol, feature) float32; NaN = missing.
        columns: (position, symbol) float64 by name, those of STYLES, RIVALS and SCORE_COLUMNS and those asked for.
        traded: (position, symbol) bool, who has a bar on the session and enough before it.
        counts: (position, symbol) bool, whether a row counts by UNIVERSE_RULE.
        slices: (position, symbol) bool by name, parts of the universe.
        closes: (session, symbol) float64, USD, carried, times `total`: their ratios are what was earned.
        benchmark: (session,) float64, USD, SPY's carried closes.
        positions: (position,) int64, sessions of the panel.
        session_days: (position,) int32, their days since 1970-01-01.
    """

    names: tuple[str, ...]
    features: NDArray[np.float32]
    columns: dict[str, Array]
    traded: NDArray[np.bool_]
    counts: NDArray[np.bool_]
    slices: dict[str, NDArray[np.bool_]]
    closes: Array
    benchmark: Array
    positions: NDArray[np.int64]
    session_days: NDArray[np.int32]

    def kept(self, horizon: int) -> NDArray[np.bool_]:
        """Tell which rows count and have a return over `horizon` sessions: (position, symbol) bool."""
        kept: NDArray[np.bool_] = self.counts & np.isfinite(forward_returns(self.closes, self.positions, horizon))
        return kept

    def rows(self, horizon: int) -> TrainingSet:
        """Return the rows whose return over `horizon` sessions is known."""
        returns = forward_returns(self.closes, self.positions, horizon)
        kept = self.kept(horizon)
        position, symbol = np.nonzero(kept)
        positions = self.positions[position]
        values = {name: column[kept] for name, column in self.columns.items()}
        low_volatility, momentum = -values["vol_realized_60"], values["mom_12_1"]
        market = forward_returns(self.benchmark[:, None], self.positions, horizon)[position, 0]
        # A beta that is missing is taken as that of the market.
        beta = np.nan_to_num(values["beta_252"], nan=1.0)
        return TrainingSet(
            names=self.names,
            features=self.features[kept],
            positions=positions,
            symbols=symbol.astype(np.int64),
            returns=returns[kept],
            neutral=returns[kept] - beta * market,
            later={other: forward_returns(self.closes, self.positions, other)[kept] for other in DECAY},
            slices={name: chosen[kept] for name, chosen in self.slices.items()},
            rivals={
                "TechRating": values["tech_rating"],
                "12-1 momentum": momentum,
                "5-day reversal": -values["ret_5"],
                "low volatility 60": low_volatility,
                "low volatility + momentum": percentiles(low_volatility, positions) + percentiles(momentum, positions),
            },
            styles={name: values[name] for name in STYLES},
        )


def make_history(
    stocks: Panel,
    benchmark: Panel,
    engine: FactorEngine,
    progress: Callable[[int, int], None],
    extra: tuple[str, ...] = (),
    total: Array | None = None,
) -> History:
    """Compute the history, some symbols at a time.

    Args:
        stocks: bars of all sessions.
        benchmark: the same sessions of SPY.
        engine: the factors.
        progress: told the symbols done, and all.
        extra: more columns to keep, by the engine's names.
        total: (session, symbol) float64, from the stocks' prices to those whose ratios are total returns; None: they
            are such prices.

    Raises:
        LocalDataError: there are not even the sessions of the warm-up, or no stocks.
    """
    sessions, symbols = len(stocks.session_days), len(stocks.symbols)
    _require(sessions, symbols)
    positions = np.arange(WARM_UP, sessions, SPACING)
    spy = carry_series(benchmark, _whole(engine.config.history, sessions)).bars[3, :, 0]
    shape = (len(positions), symbols)
    features = np.empty((*shape, len(FEATURES)), np.float32)
    columns = {name: np.empty(shape) for name in (*STYLES, *RIVALS, *SCORE_COLUMNS, *extra)}
    closes = np.empty((sessions, symbols))
    for begin in range(0, symbols, CHUNK):
        part = slice(begin, min(begin + CHUNK, symbols))
        known, closes[:, part] = _compute(stocks, part, spy, engine, positions)
        features[:, part] = np.stack([known[name] for name in FEATURES], axis=-1)
        for name, column in columns.items():
            column[:, part] = known[name]
        progress(part.stop, symbols)
    features[np.isinf(features)] = np.nan  # beyond what float32 holds; serving refuses it
    liquid = (columns["median_dollar_volume"] >= LEAST_DOLLAR_VOLUME) & (closes[positions] >= LEAST_CLOSE)
    traded = _traded(stocks.close, positions, engine.config.history)
    return History(
        names=tuple(f"{name}@{engine.versions[name]}" for name in FEATURES),
        features=features,
        columns=columns,
        traded=traded,
        counts=liquid & traded,
        slices=find_slices(columns, closes[positions], engine.config.profiles),
        closes=closes if total is None else closes * total,
        benchmark=spy,
        positions=positions,
        session_days=stocks.session_days[positions],
    )


def _compute(
    stocks: Panel, part: slice, spy: Array, engine: FactorEngine, positions: NDArray[np.int64]
) -> tuple[dict[str, Array], Array]:
    """Compute all columns, (position, symbol), and the carried closes, (session, symbol), of some symbols."""
    bars = np.ascontiguousarray(stocks.bars[:, :, part])
    rules = _whole(engine.config.history, len(stocks.session_days))
    series = carry_series(replace(stocks, symbols=stocks.symbols[part], bars=bars), rules)
    known = factor_history(series, spy, engine, positions)
    known["median_dollar_volume"] = _median_dollar_volume(series.bars, positions)
    return known, series.bars[3]


def _require(sessions: int, symbols: int) -> None:
    if sessions <= WARM_UP:
        raise LocalDataError(f"the bars span {sessions} sessions; it takes {WARM_UP} of warm-up and many more")
    if not symbols:
        raise LocalDataError("the bars have no stocks")


def _whole(rules: HistoryRules, sessions: int) -> HistoryRules:
    """Let series be as long as the file, and a symbol that died keep its last close to the end."""
    return replace(
        rules, sessions=sessions, early_sessions=min(sessions, rules.early_sessions), stale_sessions=sessions
    )


def _median_dollar_volume(bars: Array, positions: NDArray[np.int64]) -> Array:
    """Compute (position, symbol) medians of close x volume; NaN while a symbol has fewer sessions."""
    dollars = bars[3] * bars[4]
    return np.stack([np.median(dollars[p + 1 - MEDIAN_SESSIONS : p + 1], axis=0) for p in positions.tolist()])


def _traded(closes: Array, positions: NDArray[np.int64], rules: HistoryRules) -> NDArray[np.bool_]:
    """Tell who has a bar on the session, and enough in the history that a scan of it would look at."""
    there = ~np.isnan(closes)
    count = np.concatenate([np.zeros((1, closes.shape[1]), np.int64), np.cumsum(there, axis=0)])
    begin = np.maximum(positions + 1 - rules.sessions, 0)
    enough: NDArray[np.bool_] = count[positions + 1] - count[begin] >= rules.minimum_bars
    return enough & there[positions]
