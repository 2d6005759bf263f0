"""Ridge regression finds what is linear and leaves alone what is not there."""

import numpy as np

from services.inference.ridge import PENALTY, fit_ridge, places


def test_places_lie_around_0_within_each_session_and_a_missing_value_in_the_middle() -> None:
    features = np.array([[1.0, np.nan], [3.0, np.nan], [2.0, 5.0], [9.0, 1.0]], np.float32)
    found = places(features, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(found, [[-1 / 3, 0.0], [1 / 3, 0.0], [0.0, 0.0], [0.0, 0.0]], atol=1e-12)


def test_weights_are_those_of_least_squares_less_the_penalty() -> None:
    x = np.linspace(-0.5, 0.5, 2_001)[:, None]
    weight = fit_ridge(x, 2.0 * x[:, 0])[0]
    variance = float((x**2).mean())
    assert np.isclose(weight, 2.0 * variance / (variance + PENALTY))
    twice = fit_ridge(np.hstack([x, x, 0 * x]), 2.0 * x[:, 0])
    assert np.isclose(twice[0], twice[1])
    assert twice[2] == 0
