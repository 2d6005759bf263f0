"""The series that factors see: bars without gaps, and who has too little of them (scoring.md)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.market.early import first_usable
from services.market.omission import Omission
from services.market.panel import Panel
from services.market.scoring import HistoryRules
from services.market.vocabulary import Flag, Reason
from services.scorer.kernels.carry import carry


@dataclass(frozen=True, slots=True)
class Series:
    """Carried bars of a block over the history that ends with as_of.

    Attributes:
        symbols: those of the panel, omissions included.
        bars: (field, session, symbol) float64, C order, fields as in `panel.FIELDS`; NaN before a symbol's first bar.
        first: (symbol,) int64, session of the first bar; -1: none.
        flags: (symbol,) uint32 bit set of `Flag`.
        scored: (symbol,) bool; False for an omission, whose bars mean nothing.
        omissions: in the panel's order, with the last close and the count that failed, where there are any.
    """

    symbols: tuple[str, ...]
    bars: NDArray[np.float64]
    first: NDArray[np.int64]
    flags: NDArray[np.uint32]
    scored: NDArray[np.bool_]
    omissions: tuple[Omission, ...]

    def closes(self) -> dict[str, NDArray[np.float64]]:
        """Give the carried closes, (session,) float64, USD, of each scored symbol."""
        return {symbol: self.bars[3, :, j] for j, symbol in enumerate(self.symbols) if self.scored[j]}


def fetched_run(session_fetched: NDArray[np.bool_]) -> int:
    """Count the newest sessions that were fetched without a hole."""
    holes = np.flatnonzero(~session_fetched)
    return len(session_fetched) - (int(holes[-1]) + 1 if len(holes) else 0)


def carry_series(panel: Panel, rules: HistoryRules) -> Series:
    """Cut the panel to its history, carry closes over sessions without a trade, and judge every symbol.

    - The history is the newest `rules.sessions` sessions; older ones are never looked at.
    - Between a symbol's first and last bar, and from a last bar at most `stale_sessions` old up to as_of, a session
      without a bar is carried: open = high = low = close = previous close, volume 0.
    - If the newest `early_sessions` or more were fetched without a hole but not the whole history (a panel that starts
      later included), that run is used, with those before it that `first_usable` finds, over whose gaps closes are
      carried; sessions before these are NaN, and every symbol has EARLY_HISTORY. With fewer than `early_sessions` every
      symbol is an omission, BUDGET_SPENT.
    - Omissions, first match: NO_DATA, no bar at all; STALE_DATA, last bar too old; TOO_LITTLE_HISTORY, fewer than
      `minimum_bars` bars in the run.

    Args:
        panel: bars ending with as_of; its arrays may be read-only and are not changed.
        rules: counts of sessions and bars.
    """
    run = min(fetched_run(panel.session_fetched), rules.sessions)
    if run < rules.early_sessions:
        return _unscored(panel, Reason.BUDGET_SPENT)
    sessions = len(panel.session_days)
    begin = max(0, sessions - rules.sessions)
    start = begin + first_usable(panel.session_fetched[begin:], run)
    bars, first, last, count, carried = carry(read_only(panel.bars), begin, start, rules.thin_window)
    missed = sessions - begin - 1 - last
    flags = np.zeros(len(panel.symbols), np.uint32)
    flags[missed > 0] |= np.uint32(Flag.STALE_DATA)
    flags[carried > rules.thin_carried] |= np.uint32(Flag.THIN_TRADING)
    if run < rules.sessions:
        flags |= np.uint32(Flag.EARLY_HISTORY)
    reasons = np.select(
        [last < 0, missed > rules.stale_sessions, count < rules.minimum_bars],
        [int(Reason.NO_DATA), int(Reason.STALE_DATA), int(Reason.TOO_LITTLE_HISTORY)],
        0,
    )
    counts = {Reason.STALE_DATA: missed, Reason.TOO_LITTLE_HISTORY: count}
    omissions = tuple(_omissions(panel.symbols, reasons, counts, bars[3, -1]))
    return Series(panel.symbols, bars, first, flags, reasons == 0, omissions)


def _omissions(
    symbols: tuple[str, ...],
    reasons: NDArray[np.int64],
    counts: Mapping[Reason, NDArray[np.int64]],
    closes: NDArray[np.float64],
) -> Iterator[Omission]:
    """Give the symbols with a reason, with the count that failed and the last close, where there are any."""
    for j in np.flatnonzero(reasons):
        reason = Reason(int(reasons[j]))
        value = float(counts[reason][j]) if reason in counts else None
        yield Omission(symbols[j], reason, value, close=None if np.isnan(closes[j]) else float(closes[j]))


def read_only(bars: NDArray[np.float64]) -> NDArray[np.float64]:
    """View as C order and read-only: the one type that the kernel is compiled for, whatever the bars were made from."""
    view = np.ascontiguousarray(bars, np.float64).view()
    view.flags.writeable = False
    return view


def _unscored(panel: Panel, reason: Reason) -> Series:
    symbols = len(panel.symbols)
    return Series(
        panel.symbols,
        np.full((len(panel.bars), 0, symbols), np.nan),
        np.full(symbols, -1),
        np.zeros(symbols, np.uint32),
        np.zeros(symbols, np.bool_),
        tuple(Omission(symbol, reason) for symbol in panel.symbols),
    )
