"""Restating for splits: held against prices that were made on one basis and un-adjusted to what was traded."""

import math
from dataclasses import dataclass
from datetime import date
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.market.adjust import Split, adjust, by_symbol, collapse, doubtful_symbols, restated
from services.market.sessions import sessions_ending, to_day_number

DAYS = np.array([to_day_number(day) for day in sessions_ending(date(2025, 9, 30), 24)], np.int32)
FIRST, LAST = int(DAYS[0]), int(DAYS[-1])
RATIOS = ((1, 2), (2, 1), (2, 3), (3, 2), (1, 7), (7, 1), (1, 20), (15, 1), (1000, 1003), (1.5, 1), (4, 5))
WRONG = (1, 40)
EDGES = (FIRST - 400, FIRST - 1, FIRST, FIRST + 1, LAST - 1, LAST, LAST + 1, LAST + 30)


@dataclass(frozen=True)
class History:
    """One symbol: what happened, what the vendor lists, and the bars that were traded.

    `basis` are prices and volumes as if no split had ever been, (session,) each; NaN where it was not listed.
    """

    symbol: str
    true: tuple[Split, ...]
    listed: tuple[Split, ...]
    basis: NDArray[np.float64]
    corrected: bool

    def factor(self, day: int) -> float:
        """Return the new shares per share of the beginning, on a day."""
        return math.prod(split.ratio_to / split.ratio_from for split in self.true if split.session_day <= day)

    def raw(self) -> NDArray[np.float64]:
        """Return the bars as they were traded, (field, session)."""
        factors = np.array([self.factor(int(day)) for day in DAYS])
        return np.vstack([np.tile(self.basis[0] / factors, (4, 1)), self.basis[1] * factors])

    def restated(self, as_of: int) -> NDArray[np.float64]:
        """Return the bars on the one basis of as_of, (field, session)."""
        return np.vstack([np.tile(self.basis[0] / self.factor(as_of), (4, 1)), self.basis[1] * self.factor(as_of)])


@st.composite
def histories(draw: st.DrawFn, symbol: str) -> History:
    """Make a history: up to eight splits on any days, listed once, twice, or beside a wrong one of the same day."""
    days = st.one_of(st.sampled_from(EDGES), st.integers(FIRST - 5, LAST + 5))
    dates = sorted(draw(st.lists(days, max_size=8, unique=True)))
    true, rows, corrected = [], [], False
    for day in dates:
        split = Split(symbol, day, *draw(st.sampled_from(RATIOS)))
        true.append(split)
        told = draw(st.sampled_from(("once", "once", "twice", "corrected", "scaled")))
        corrected |= told == "corrected"
        before = {"twice": split, "corrected": Split(symbol, day, *WRONG)}.get(told)
        if told == "scaled":
            before = Split(symbol, day, 2 * split.ratio_from, 2 * split.ratio_to)
        rows += [split] if before is None else [before, split]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    basis = np.stack([random.uniform(0.5, 500, len(DAYS)), random.uniform(1, 1e7, len(DAYS))])
    gap = sorted(draw(st.tuples(*[st.integers(0, len(DAYS))] * 2)))
    if draw(st.booleans()):
        basis[:, gap[0] : gap[1]] = np.nan  # delisted, and listed again
    return History(symbol, tuple(true), tuple(draw(st.permutations(rows))), basis, corrected)


@st.composite
def markets(draw: st.DrawFn) -> tuple[History, ...]:
    return tuple(draw(histories(symbol)) for symbol in ("A", "BB", "KIMpL")[: draw(st.integers(1, 3))])


def listed(market: tuple[History, ...]) -> dict[str, tuple[Split, ...]]:
    return by_symbol(chain.from_iterable(history.listed for history in market))


def window(
    market: tuple[History, ...], splits: dict[str, tuple[Split, ...]], first: int, end: int
) -> NDArray[np.float64]:
    """Restate the sessions first..end of all symbols, (field, session, symbol)."""
    bars = np.stack([history.raw()[:, first:end] for history in market], axis=2)
    adjust(bars, DAYS[first:end], tuple(history.symbol for history in market), splits)
    return bars


@settings(max_examples=1000)
@given(markets(), st.integers(1, len(DAYS)), st.integers(0, len(DAYS) - 1))
def test_no_window_ever_mixes_two_bases(market: tuple[History, ...], end: int, first: int) -> None:
    first = min(first, end - 1)
    as_of, splits = int(DAYS[end - 1]), listed(market)
    found = window(market, splits, first, end)
    for column, history in enumerate(market):
        np.testing.assert_allclose(found[:, :, column], history.restated(as_of)[:, first:end], rtol=1e-12)
    # No split after as_of counts, and no split of the sessions before the window.
    known = {
        symbol: tuple(row for row in rows if DAYS[first] < row.session_day <= as_of) for symbol, rows in splits.items()
    }
    assert found.tobytes() == window(market, known, first, end).tobytes()
    # The same bits in any block, and in any window that ends with as_of.
    assert found[:, :, ::-1].tobytes() == window(market[::-1], splits, first, end).tobytes()
    for column, history in enumerate(market):
        assert found[:, :, column].tobytes() == window((history,), splits, first, end)[:, :, 0].tobytes()
    assert found.tobytes() == window(market, splits, 0, end)[:, first:].tobytes()


@settings(max_examples=200)
@given(markets())
def test_a_split_whose_rows_contradict_each_other_flags_its_symbol(market: tuple[History, ...]) -> None:
    suspects = doubtful_symbols(listed(market), FIRST - 1000, LAST + 1000)
    assert suspects == {history.symbol for history in market if history.corrected}


@settings(max_examples=200)
@given(histories("A"), st.integers(0, len(DAYS) - 1))
def test_a_single_price_is_restated_like_a_block(history: History, place: int) -> None:
    splits = by_symbol(history.listed)
    price = float(history.raw()[3, place])
    found = window((history,), splits, 0, len(DAYS))[3, place, 0]
    assert restated(price, int(DAYS[place]), splits.get("A", ()), LAST) == pytest.approx(
        found, rel=0, abs=0, nan_ok=True
    )


def test_rows_that_say_the_same_split_count_once() -> None:
    day = FIRST + 3
    rows = (Split("A", day, 2, 3), Split("A", day, 2, 3), Split("A", day, 4, 6), Split("A", day, 1, 1.5))
    (split,) = collapse(rows)
    assert (split.ratio, split.doubtful) == (1.5, False)


@given(
    st.permutations([(1, 2), (1, 3), (30, 1), (1, 2e6), (2, 4)])
    .map(lambda rows: rows[:4])
    .filter(lambda rows: (1, 2) in rows)
)
def test_of_different_ratios_the_one_nearest_to_1_counts_and_is_doubtful(rows: list[tuple[float, float]]) -> None:
    (split,) = collapse(Split("A", FIRST + 3, *row) for row in rows)
    assert (split.ratio_from, split.ratio_to, split.doubtful) == (1, 2, True)


@given(
    st.lists(st.tuples(*[st.floats(1e-6, 1e6)] * 2), min_size=1, max_size=5).flatmap(
        lambda rows: st.tuples(st.just(rows), st.permutations(rows))
    )
)
def test_the_order_of_a_list_tells_nothing(rows: tuple[list[tuple[float, float]], list[tuple[float, float]]]) -> None:
    one, other = ([Split("A", FIRST, *row) for row in order] for order in rows)
    assert collapse(one) == collapse(other)


@pytest.mark.parametrize(("ratio_from", "ratio_to"), [(1, 10_001), (10_001, 1), (1e-300, 1e300), (3, 1e9)])
def test_an_absurd_ratio_counts_but_is_doubtful(ratio_from: float, ratio_to: float) -> None:
    (split,) = collapse([Split("A", FIRST + 3, ratio_from, ratio_to)])
    assert (split.ratio_from, split.ratio_to, split.doubtful) == (ratio_from, ratio_to, True)


@pytest.mark.parametrize(("ratio_from", "ratio_to"), [(1, 10_000), (10_000, 1), (1, 1), (1000, 1003)])
def test_a_large_ratio_is_no_absurd_one(ratio_from: float, ratio_to: float) -> None:
    assert not collapse([Split("A", FIRST + 3, ratio_from, ratio_to)])[0].doubtful


@pytest.mark.parametrize(("day", "flagged"), [(FIRST - 1, 0), (FIRST, 0), (FIRST + 1, 1), (LAST, 1), (LAST + 1, 0)])
def test_a_doubtful_split_flags_its_symbol_where_it_changes_bars(day: int, flagged: int) -> None:
    splits = by_symbol([Split("A", day, 1, 2), Split("A", day, 1, 3), Split("B", FIRST + 2, 1, 2)])
    assert len(doubtful_symbols(splits, FIRST, LAST)) == flagged
