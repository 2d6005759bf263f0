"""What is a bar, and which raw bars cannot be true: the borders."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.fetcher.provider.validity import RAW_PRICE_LIMIT, RAW_VOLUME_LIMIT, plausible, plausible_bars, valid_bars
from services.fetcher.source import SessionBars, SymbolBars
from services.market.errors import MalformedAnswerError

NAN, INF = float("nan"), float("inf")
SESSION = date(2025, 9, 30)
GOOD = (10.0, 11.0, 9.0, 10.5, 1000.0)


def columns(*bars: tuple[float, ...]) -> NDArray[np.float64]:
    return np.array(bars, np.float64).reshape(-1, 5).T


@pytest.mark.parametrize(
    ("bar", "valid"),
    [
        (GOOD, True),
        ((10, 10, 10, 10, 0), True),
        ((5e-324, 5e-324, 5e-324, 5e-324, 1), True),
        ((12e9, 12e9, 11e9, 12e9, 1), True),
        ((0, 11, 9, 10.5, 1000), False),
        ((10, 11, 0, 10.5, 1000), False),
        ((-10, 11, 9, 10.5, 1000), False),
        ((10, 8.99, 9, 10.5, 1000), False),
        ((10, 11, 9, 10.5, -1), False),
        ((10, 11, 9, NAN, 1000), False),
        ((10, INF, 9, 10.5, 1000), False),
        ((10, 11, 9, 10.5, NAN), False),
    ],
)
def test_a_bar_is_finite_above_zero_and_its_high_not_below_its_low(bar: tuple[float, ...], *, valid: bool) -> None:
    assert valid_bars(columns(bar)).tolist() == [valid]


@pytest.mark.parametrize("field", range(5))
def test_a_raw_price_or_volume_can_be_true_up_to_its_limit(field: int) -> None:
    limit = RAW_VOLUME_LIMIT if field == 4 else RAW_PRICE_LIMIT
    at, above = (
        tuple(value if number == field else other for number, other in enumerate(GOOD))
        for value in (limit, float(np.nextafter(limit, INF)))
    )
    assert plausible_bars(columns(at, above)).tolist() == [True, False]


def test_the_dearest_share_of_the_market_can_be_true() -> None:
    assert plausible_bars(columns((809_350.0, 812_855.0, 800_000.0, 801_000.0, 2_000.0))).all()


@given(st.lists(st.floats(1e-4, 1e6), min_size=4, max_size=4), st.floats(0, 1e11))
def test_no_bar_within_the_limits_is_refused(prices: list[float], volume: float) -> None:
    assert plausible_bars(columns((*prices, volume))).all()


def test_absurd_bars_are_refused_and_counted_and_the_others_kept_as_they_are() -> None:
    absurd = (10.0, 2e7, 9.0, 10.5, 1000.0)
    bars = SessionBars(SESSION, np.array([4, 7, 9], np.int32), columns(GOOD, absurd, GOOD), refused_count=2)
    kept = plausible(bars)
    assert (kept.columns.tolist(), kept.refused_count) == ([4, 9], 3)
    np.testing.assert_array_equal(kept.bars, columns(GOOD, GOOD))
    assert plausible(kept) is kept
    one = plausible(SymbolBars("A", np.array([1, 2], np.int32), columns(absurd, GOOD), refused_count=0))
    assert (one.session_days.tolist(), one.bars.T.tolist(), one.refused_count) == ([2], [list(GOOD)], 1)


def test_an_answer_of_absurd_bars_alone_is_malformed_and_an_empty_one_is_not() -> None:
    absurd = (1e9, 2e9, 9e8, 1e9, 1000.0)
    with pytest.raises(MalformedAnswerError, match="not one"):
        plausible(SessionBars(SESSION, np.array([4], np.int32), columns(absurd), refused_count=0))
    empty = SymbolBars("A", np.array([], np.int32), columns(), refused_count=0)
    assert plausible(empty) is empty
