"""Factors of a plain data frame, in two lines, by the formulas of a scan."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from services.market.scoring import ScoringConfig
from services.market.sessions import from_day_number
from services.market.weeks import WEEKLY_SESSIONS, week_is_running
from services.scorer.factors.registry import FACTORS
from services.scorer.factors.table import LongBars, Table
from services.scorer.factors.weekly import WEEKLY
from services.scorer.formulas import last_values, values_at
from services.scorer.series import carry_series
from services.scorer.weeks import week_series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from services.market.scoring import HistoryRules
    from services.scorer.factors.spec import FactorSpec
    from services.scorer.series import Series

    Array = NDArray[np.float64]

BLOCK = 128
"""Symbols computed together."""


Frame = TypeVar("Frame", bound=Table)


def compute(
    frame: Frame, names: Sequence[str] | None = None, *, history: bool = False, benchmark: str = "SPY"
) -> Frame:
    """Compute factors of a long frame of daily bars: of pandas, of polars, or a dict of arrays.

    Sessions are the dates that occur in the frame; a session without a bar of a symbol is carried, as in a scan.

    Args:
        frame: a row a symbol and date, in any order, with the columns symbol, date (dates, or ISO text), open, high,
            low, close (one currency) and volume, adjusted for splits. A row with a NaN among these is no bar.
        names: factors to compute, names of `FACTORS`; None for all.
        history: False for a row a symbol at the last session, computed as a scan does, on the newest 300 sessions; a
            symbol whose last bar is more than 5 sessions older is left out. True for a value at each row of the frame,
            in its order; averages then remember everything since the symbol's first bar.
        benchmark: symbol that market-relative factors compare with; where the frame lacks it they are NaN.

    Returns:
        A frame of the caller's kind with symbol, date and a float64 column a factor; NaN = no value, also where a
        symbol has too few bars for a factor.

    Raises:
        ValueError: a factor is unknown, or two rows have the same symbol and date.
    """
    specs = _chosen(names)
    bars = LongBars.of(frame)
    rules = replace(ScoringConfig.load().history, early_sessions=1, minimum_bars=1)
    if history:
        known = {"symbol": frame["symbol"], "date": frame["date"]}
        columns = known | _every_row(specs, bars, benchmark, rules)
    else:
        columns = _last_session(specs, bars, benchmark, rules)
    make: Any = type(frame)
    made: Frame = make(columns)
    return made


def weekly(frame: Frame) -> Frame:
    """Compute the weekly factors (sma_10, sma_20, sma_40, rsi_14, macd, roc_10, adx_14 over weeks) at the last session.

    Weeks are made of the newest 504 sessions, from Monday on; the last one ends with the last session.

    Args:
        frame: daily bars, as in `compute`.

    Returns:
        A frame of the caller's kind, a row a symbol, with symbol, date, week_running (whether the exchange has another
        session in the last week) and a float64 column named weekly_<factor> each; NaN = too few weeks.

    Raises:
        ValueError: two rows have the same symbol and date, or the last date lies outside the known calendar.
    """
    bars = LongBars.of(frame)
    rules = replace(ScoringConfig.load().history, sessions=WEEKLY_SESSIONS, early_sessions=1, minimum_bars=1)
    days = bars.days[-WEEKLY_SESSIONS:]
    columns = _last_session(WEEKLY, bars, "", rules, lambda series: week_series(series, days))
    symbols, dates = columns.pop("symbol"), columns.pop("date")
    running = np.full(len(dates), len(days) > 0 and week_is_running(from_day_number(int(days[-1]))))
    make: Any = type(frame)
    made: Frame = make({"symbol": symbols, "date": dates, "week_running": running, **columns})
    return made


def _chosen(names: Sequence[str] | None) -> tuple[FactorSpec, ...]:
    if names is None:
        return FACTORS
    known = {spec.name: spec for spec in FACTORS}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise ValueError(f"there is no factor {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return tuple(known[name] for name in dict.fromkeys(names))


def _last_session(
    specs: tuple[FactorSpec, ...],
    bars: LongBars,
    benchmark: str,
    rules: HistoryRules,
    reshape: Callable[[Series], Series] = lambda series: series,
) -> dict[str, Any]:
    spy = bars.closes(benchmark, rules)
    symbols: list[str] = []
    parts = [np.empty((0, len(specs)))]
    for begin in range(0, len(bars.symbols), BLOCK):
        series = carry_series(bars.block(begin, begin + BLOCK), rules)
        symbols += [symbol for symbol, kept in zip(series.symbols, series.scored.tolist(), strict=True) if kept]
        parts.append(last_values(specs, reshape(series), spy)[series.scored])
    values = np.concatenate(parts)
    dates = np.repeat(bars.days[-1:].astype("datetime64[D]"), len(symbols))
    columns = {spec.name: values[:, number].copy() for number, spec in enumerate(specs)}
    return {"symbol": symbols, "date": dates, **columns}


def _every_row(specs: tuple[FactorSpec, ...], bars: LongBars, benchmark: str, rules: HistoryRules) -> dict[str, object]:
    sessions = len(bars.days)
    rules = replace(rules, sessions=sessions, stale_sessions=sessions)
    spy = bars.closes(benchmark, rules)
    columns = {spec.name: np.empty(len(bars.column)) for spec in specs}
    order = np.argsort(bars.column, kind="stable")
    for begin in range(0, len(bars.symbols), BLOCK):
        rows = order[slice(*np.searchsorted(bars.column, (begin, begin + BLOCK), sorter=order))]
        series = carry_series(bars.block(begin, begin + BLOCK), rules)
        known = values_at(specs, series, spy, np.arange(sessions))
        for name, values in known.items():
            columns[name][rows] = values[bars.session[rows], bars.column[rows] - begin]
    return dict(columns)
