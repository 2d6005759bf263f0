"""Labels: returns after the close of a session, and ranks that know nothing of other sessions."""

from statistics import NormalDist

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from services.inference.labels import demean, forward_returns, percentiles, rank_normal, ranks, winsorise

SESSIONS = np.repeat([3, 8, 13], [5, 1, 6])
VALUES = arrays(np.float64, len(SESSIONS), elements=st.floats(-10, 10))


def test_a_return_runs_from_the_close_of_its_session_to_the_one_a_horizon_later() -> None:
    closes = np.array([[np.nan, 10.0], [4.0, 11.0], [5.0, 12.0], [6.0, 12.0]])
    returns = forward_returns(closes, np.array([0, 1, 2]), 2)
    np.testing.assert_allclose(returns, [[np.nan, 0.2], [0.5, 12 / 11 - 1], [np.nan, np.nan]])


@settings(deadline=None)
@given(arrays(np.float64, 12, elements=st.integers(-3, 3).map(float)))
def test_equal_values_share_their_average_rank(x: NDArray[np.float64]) -> None:
    smaller = (x[:, None] > x).sum(axis=1)
    equal = (x[:, None] == x).sum(axis=1)
    np.testing.assert_array_equal(ranks(x), smaller + (equal + 1) / 2)


@settings(deadline=None)
@given(VALUES)
def test_labels_of_a_session_keep_its_order_and_do_not_see_the_others(x: NDArray[np.float64]) -> None:
    labels = rank_normal(x, SESSIONS)
    alone = rank_normal(x[:5], SESSIONS[:5])
    np.testing.assert_array_equal(labels[:5], alone)
    assert labels[5] == 0
    for i in range(5):
        for j in range(5):
            assert (x[i] < x[j]) == (labels[i] < labels[j])


def test_a_label_is_the_normal_quantile_of_its_rank() -> None:
    wanted = [NormalDist().inv_cdf(p) for p in (0.1, 0.3, 0.5, 0.7, 0.9)]
    np.testing.assert_allclose(rank_normal(np.array([1.0, 2.0, 30.0, 31.0, 99.0]), np.zeros(5, np.int64)), wanted)


def test_a_missing_value_stands_in_the_middle_and_moves_nobody() -> None:
    found = percentiles(np.array([2.0, np.nan, 1.0, np.nan]), np.array([0, 0, 0, 1]))
    np.testing.assert_array_equal(found, [0.75, 0.5, 0.25, 0.5])


def test_one_absurd_return_is_pulled_back_to_its_session() -> None:
    x = np.append(np.linspace(-0.05, 0.05, 200), 400.0)
    pulled = winsorise(x, np.zeros(201, np.int64))
    assert pulled.max() < 0.06
    np.testing.assert_array_equal(pulled[10:190], x[10:190])


@settings(deadline=None)
@given(VALUES)
def test_a_session_has_no_mean_left(x: NDArray[np.float64]) -> None:
    centred = demean(x, SESSIONS)
    assert abs(centred[:5].sum()) < 1e-9
    assert centred[5] == 0
