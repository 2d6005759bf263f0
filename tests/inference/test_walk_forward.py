"""No row is predicted by a model that could know what followed it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.inference.walk_forward import masks, plan_blocks


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
