"""Bars that look wrong: one look at each of them, made for speed, and a closer one at the few that need it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.scorer.kernels import kernel

Array = NDArray[np.float64]


class Limits(NamedTuple):
    """Thresholds, as `QualityRules` names them."""

    max_range: float
    spike_move: float
    spike_undone: float
    frozen_bars: int
    base_ratios: Array
    base_tolerance: float
    base_window: int
    base_volume: float


@kernel
def suspect(raw: Array, bars: Array, scored: NDArray[np.bool_], limits: Limits) -> NDArray[np.bool_]:
    """Tell which of the scored symbols have bars that look wrong.

    Args:
        raw: (field, session, symbol) float64, read-only, NaN = no bar; ends with the same session as `bars`.
        bars: the newest sessions of the same, carried; NaN before a symbol's first bar.
        scored: (symbol,) who counts.
        limits: thresholds.

    Returns:
        (symbol,) bool.
    """
    _, sessions, symbols = bars.shape
    found = ~scored
    still = np.zeros(symbols, np.bool_)
    jumped = np.zeros(symbols, np.bool_)
    run = np.ones(symbols)
    _mark_ranges(bars, 0, limits.max_range, found)
    for t in range(1, sessions):
        _mark_ranges(bars, t, limits.max_range, found)
        _mark_spikes(bars, t, limits, found)
        if _screen(bars, t, limits, run, still, jumped):
            for j in range(symbols):
                if jumped[j] and not found[j]:
                    found[j] = _rebased(bars, t, j, limits)
    for j in range(symbols):
        if still[j] and not found[j]:
            found[j] = _frozen(raw, bars, j, limits.frozen_bars)
    return found & scored


@kernel
def _mark_ranges(bars: Array, t: int, limit: float, found: NDArray[np.bool_]) -> None:
    high, low = bars[1, t], bars[2, t]
    for j in range(len(found)):
        found[j] |= high[j] > limit * low[j]


@kernel
def _mark_spikes(bars: Array, t: int, limits: Limits, found: NDArray[np.bool_]) -> None:
    """Mark moves of the close before, which this close undid."""
    base, peak, close = bars[3, max(t - 2, 0)], bars[3, t - 1], bars[3, t]
    move, back = limits.spike_move, 1.0 + limits.spike_undone
    for j in range(len(found)):
        moved = (peak[j] > move * base[j]) | (peak[j] * move < base[j])
        found[j] |= moved & (close[j] <= back * base[j]) & (back * close[j] >= base[j])


@kernel
def _screen(
    bars: Array, t: int, limits: Limits, run: Array, still: NDArray[np.bool_], jumped: NDArray[np.bool_]
) -> bool:
    """Find who needs a closer look: those who stood still for long, and those whose price jumped.

    Args:
        bars: as in `suspect`.
        t: the session, from 1.
        limits: thresholds.
        run: (symbol,) sessions in a row with one close, brought up to t.
        still: (symbol,) whether that was ever long enough; added to.
        jumped: (symbol,) whether open and close are both far from the close before; at session t alone.

    Returns:
        Whether anybody jumped.
    """
    jump = limits.base_ratios[0] / (1.0 + 2.0 * limits.base_tolerance)
    before, opened, close = bars[3, t - 1], bars[0, t], bars[3, t]
    anybody = False
    for j in range(len(run)):
        run[j] = run[j] + 1.0 if close[j] == before[j] else 1.0
        still[j] |= run[j] >= limits.frozen_bars
        up = (opened[j] >= jump * before[j]) & (close[j] >= jump * before[j])
        down = (opened[j] * jump <= before[j]) & (close[j] * jump <= before[j])
        jumped[j] = up | down
        anybody |= jumped[j]
    return anybody


@kernel
def _frozen(raw: Array, bars: Array, j: int, limit: int) -> bool:
    """Tell whether `limit` sessions in a row have bars with one open, high, low and close.

    A bar counts if its volume is 0 or that of the bar before.
    """
    run = 0
    for t in range(bars.shape[1]):
        if np.isnan(bars[3, t, j]) or (bars[4, t, j] == 0.0 and not _traded(raw, t - bars.shape[1], j)):
            run = 0
            continue
        same = run > 0 and (bars[4, t, j] == 0.0 or bars[4, t, j] == bars[4, t - 1, j])
        for field in range(4):
            same = same and bars[field, t, j] == bars[field, t - 1, j]
        run = run + 1 if same else 1
        if run >= limit:
            return True
    return False


@kernel
def _traded(raw: Array, t: int, j: int) -> bool:
    """Tell a bar from a carried session, as `carry` does; t counts back from the end."""
    return not np.isnan(raw[0, t, j] + raw[1, t, j] + raw[2, t, j] + raw[3, t, j] + raw[4, t, j])


@kernel
def _rebased(bars: Array, t: int, j: int, limits: Limits) -> bool:
    """Tell whether prices jumped by a simple ratio and stayed, and volume moved the other way: a split not applied."""
    near, window, volume = limits.base_tolerance, limits.base_window, limits.base_volume - 1.0
    if t < window:
        return False
    sessions = bars.shape[1]
    before, close = bars[3, t - 1, j], bars[3, t, j]
    if t + 1 < sessions and _near(bars[3, t + 1, j], before, limits.spike_undone):
        return False
    for k in range(len(limits.base_ratios)):
        ratio = limits.base_ratios[k] if close > before else 1.0 / limits.base_ratios[k]
        if _near(close, before * ratio, 2.0 * near) and _near(bars[0, t, j], before * ratio, near):
            old = _mean(bars, t - window, t, j) / ratio
            new = _mean(bars, t, min(t + window, sessions), j)
            if old > 0.0 and _near(new, old, volume) and _near(bars[4, t, j], old, volume):
                return True
    return False


@kernel
def _near(x: float, y: float, tolerance: float) -> bool:
    """Tell whether neither is above the other by more than a fraction."""
    return x <= y * (1.0 + tolerance) and y <= x * (1.0 + tolerance)


@kernel
def _mean(bars: Array, begin: int, end: int, j: int) -> float:
    total = 0.0
    for t in range(begin, end):
        total += bars[4, t, j]
    return total / (end - begin)
