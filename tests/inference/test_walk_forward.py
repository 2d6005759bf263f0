"""No row is predicted by a model that could know what followed it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inference.walk_forward import masks, plan_blocks, split
from services.market.errors import LocalDataError


@settings(deadline=None)
@given(st.integers(30, 120), st.integers(1, 15), st.integers(1, 5))
def test_training_ends_two_horizons_before_what_is_predicted(count: int, horizon: int, symbols: int) -> None:
    sessions = 252 + 5 * np.arange(count)
    positions = np.repeat(sessions, symbols)
    tested_count = np.zeros(len(positions), np.int64)
    for known, tested in masks(positions, plan_blocks(sessions, horizon)):
        assert positions[known].max() + 2 * horizon <= positions[tested].min()
        tested_count += tested
    assert set(tested_count.tolist()) == {0, 1}
    late = positions >= sessions[-round(count * 2 / 3)]
    np.testing.assert_array_equal(tested_count == 1, late)


@settings(deadline=None)
@given(st.integers(10, 120), st.integers(1, 15), st.integers(1, 5))
def test_no_label_of_what_is_fitted_reaches_into_what_tells_the_rounds(count: int, horizon: int, symbols: int) -> None:
    positions = np.repeat(252 + 5 * np.arange(count), symbols)
    early, late = split(positions, horizon)
    assert positions[early].max() + horizon <= positions[late].min()
    assert not (early & late).any()
    assert len(np.unique(positions[late])) == max(round(count / 5), 1)
    assert late[-1]
    assert early[0]


def test_a_horizon_that_leaves_nothing_to_fit_is_named() -> None:
    with pytest.raises(LocalDataError, match="too few sessions to learn from"):
        split(252 + 5 * np.arange(6), 40)
