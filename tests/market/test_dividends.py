"""Dividends: the bars as traded and what was earned are found again, whatever the bars were restated for."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.market.dividends import Dividend, find_bases, restate
from services.market.panel import Panel
from services.market.sessions import sessions_ending, to_day_number

DAYS = np.array([to_day_number(day) for day in sessions_ending(date(2025, 9, 30), 60)], np.int32)
Array = NDArray[np.float64]


def traded(seed: int) -> Array:
    """Make (field, session, 1) bars in whole cents."""
    random = np.random.default_rng(seed)
    closes = np.round(50 * np.exp(np.cumsum(random.normal(0, 0.02, len(DAYS)))), 2)
    prices = [np.round(closes * factor, 2) for factor in (1.0, 1.01, 0.99)]
    return np.stack([*prices, closes, np.full(len(DAYS), 1e6)])[:, :, None]


def panel_of(bars: Array) -> Panel:
    return Panel(("PAYS",), DAYS, np.ones(len(DAYS), np.bool_), bars)


def plain_factors(closes: Array, dividends: dict[int, float]) -> Array:
    """Multiply, for each session, what the later dividends leave of a price."""
    return np.array(
        [
            np.prod([1 - amount / closes[ex - 1] for ex, amount in dividends.items() if ex > session])
            for session in range(len(closes))
        ]
    )


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from(range(10, 60, 7)), st.floats(0.1, 5.0), max_size=4),
    st.integers(0, 59),
    st.integers(0, 2**32 - 1),
)
def test_the_bars_as_traded_and_the_total_returns_are_found_again(
    dividends: dict[int, float], dumped: int, seed: int
) -> None:
    """The file was restated for the dividends up to a day, when the older part of it was dumped."""
    bars = traded(seed)
    closes = bars[3, :, 0]
    before = {ex: amount for ex, amount in dividends.items() if ex <= dumped}
    mixed = restate(bars, plain_factors(closes, before)[:, None]).astype(np.float32).astype(np.float64)
    told = [Dividend("PAYS", int(DAYS[ex]), amount) for ex, amount in dividends.items()]
    bases = find_bases(panel_of(mixed), told)
    assert (bases.known, bases.taken) == (len(dividends), len(before))
    np.testing.assert_allclose(restate(mixed, bases.price), bars, rtol=1e-6)
    np.testing.assert_allclose(bases.total[:, 0], plain_factors(closes, dividends), rtol=1e-6)


@pytest.mark.parametrize(
    "dividend",
    [
        Dividend("OTHER", int(DAYS[30]), 1.0),
        Dividend("PAYS", int(DAYS[0]), 1.0),
        Dividend("PAYS", int(DAYS[-1]) + 1, 1.0),
        Dividend("PAYS", int(DAYS[30]), 1e6),
    ],
)
def test_what_no_bar_can_know_of_or_cannot_be_is_passed_over(dividend: Dividend) -> None:
    bases = find_bases(panel_of(traded(1)), [dividend])
    assert (bases.known, bases.taken) == (0, 0)
    assert (bases.price == 1).all()
    assert (bases.total == 1).all()


def test_a_symbol_that_was_not_listed_before_a_dividend_has_none_of_it() -> None:
    bars = traded(2)
    bars[:, :40] = np.nan
    assert find_bases(panel_of(bars), [Dividend("PAYS", int(DAYS[40]), 1.0)]).known == 0


@pytest.mark.parametrize("amount", [0.0, -1.0, np.nan, np.inf])
def test_an_amount_that_is_none_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="is none"):
        Dividend("PAYS", int(DAYS[3]), amount)
