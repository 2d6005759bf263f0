"""SUSPECT_DATA: series whose bars are probably not what was traded. A remark on the row; nothing is changed or removed.

1. A bar spans more than is believed: high over low above `max_range`.
2. A spike: the close moves by more than `spike_move`, up or down, and the next session's is back within `spike_undone`.
3. Frozen: the bars of `frozen_bars` sessions in a row have one open, high, low and close, and volume 0 or unchanged.
   Sessions without a bar do not count; THIN_TRADING and STALE_DATA tell of those.
4. A new price base: the open is within `base_tolerance` of the close before times a simple ratio, the close within
   twice that, the next close is not back, and volume moved the other way, as in a split: one that nobody told of, or
   that was applied on the wrong day.

A stale last bar is STALE_DATA already. Every rule compares a symbol's own prices with each other.
"""

import numpy as np
from numpy.typing import NDArray

from services.market.panel import Panel
from services.market.scoring import QualityRules
from services.market.vocabulary import Flag
from services.scorer.kernels.quality import Limits, suspect
from services.scorer.series import Series, read_only


def suspect_flags(panel: Panel, series: Series, rules: QualityRules) -> NDArray[np.uint32]:
    """Judge the history of every symbol.

    Args:
        panel: bars ending with as_of, by which bars are told from carried sessions.
        series: the same bars, carried over the history.
        rules: thresholds.

    Returns:
        (symbol,) uint32, `Flag.SUSPECT_DATA` or 0, in the panel's order; 0 for who is not scored.
    """
    if not series.scored.any():
        return np.zeros(len(series.symbols), np.uint32)
    limits = Limits(
        rules.max_range,
        rules.spike_move,
        rules.spike_undone,
        rules.frozen_bars,
        np.array(rules.base_ratios),
        rules.base_tolerance,
        rules.base_window,
        rules.base_volume,
    )
    found = suspect(read_only(panel.bars), series.bars, series.scored, limits)
    return np.where(found, np.uint32(Flag.SUSPECT_DATA), np.uint32(0))
