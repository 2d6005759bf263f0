"""Splits: raw prices jump, adjusted ones do not, and a row that is listed twice is applied twice by the vendor."""

import numpy as np
import pytest

from services.simulator.bars import adjusted_bars
from services.simulator.market import HISTORY, HORIZON, Market
from services.simulator.splits import SplitRow

LAST = HISTORY - 1


def single_rows(market: Market) -> list[SplitRow]:
    repeated = {row.column for row in market.splits.rows if row.repeated}
    return [row for row in market.splits.rows if row.column not in repeated]


def jump(market: Market, row: SplitRow, executed: int) -> float:
    """Return the adjusted close of the split's session over that of the session before."""
    bars = adjusted_bars(market, executed, np.array([row.session - 1, row.session]), np.array([row.column]))
    return float(bars.close[1, 0] / bars.close[0, 0])


def test_both_directions_and_a_future_split_are_there(market: Market) -> None:
    factors = [row.factor for row in market.splits.rows]
    assert min(factors) < 1 < max(factors)
    assert any(LAST < row.session < HISTORY + HORIZON for row in market.splits.rows)
    assert sum(row.repeated for row in market.splits.rows) == 1


def test_an_adjusted_history_has_no_jump(market: Market) -> None:
    rows = [row for row in single_rows(market) if market.closes[row.session - 1 : row.session + 1, row.column].all()]
    assert len(rows) >= 3
    for row in rows:
        raw = market.closes[row.session, row.column] / market.closes[row.session - 1, row.column]
        assert jump(market, row, executed=HISTORY + HORIZON) == pytest.approx(raw * row.factor, rel=2e-2)
        assert 0.6 < jump(market, row, executed=HISTORY + HORIZON) < 1.7


def test_a_split_counts_from_its_execution_date_on(market: Market) -> None:
    future = next(row for row in single_rows(market) if row.session > LAST and row.factor > 1)
    sessions, columns = np.array([LAST]), np.array([future.column])
    before = adjusted_bars(market, future.session - 1, sessions, columns)
    after = adjusted_bars(market, future.session, sessions, columns)
    assert before.close[0, 0] == market.closes[LAST, future.column]
    assert after.close[0, 0] == pytest.approx(before.close[0, 0] / future.factor, abs=1)
    assert after.volume[0, 0] == pytest.approx(before.volume[0, 0] * future.factor, rel=1e-6)


def test_a_row_that_is_listed_twice_is_applied_twice_in_adjusted_answers_only(market: Market) -> None:
    row = next(row for row in market.splits.rows if row.repeated)
    raw = market.closes[row.session, row.column] / market.closes[row.session - 1, row.column]
    assert 0.6 < raw * row.factor < 1.7
    assert jump(market, row, executed=LAST) == pytest.approx(raw * row.factor**2, rel=2e-2)
