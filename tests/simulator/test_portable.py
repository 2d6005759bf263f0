"""The arithmetic of the generator, against the mathematical library's."""

import math
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.portable import exp, gridded, growth, normal, student, total


@given(st.floats(-8, 8))
def test_exp_is_within_a_thousandth(exponent: float) -> None:
    assert exp(np.array([exponent]))[0] == pytest.approx(math.exp(exponent), rel=1e-3)


@given(st.floats(-0.1, 0.1))
def test_growth_is_exp_for_small_changes(change: float) -> None:
    assert growth(np.array([change]))[0] == pytest.approx(math.exp(change), abs=2e-4)


@given(st.floats(-100, 100))
def test_growth_is_positive(change: float) -> None:
    assert growth(np.array([change]))[0] > 0


@given(st.floats(-12, 12))
def test_the_grid_swallows_the_last_bit(value: float) -> None:
    on_grid = gridded(np.array([value]))
    assert on_grid[0] == pytest.approx(value, abs=2**-21)
    np.testing.assert_array_equal(gridded(np.nextafter(on_grid, np.inf)), on_grid)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300))
def test_a_total_adds_in_order(terms: list[float]) -> None:
    *_, expected = accumulate(terms)
    assert total(np.array(terms)) == expected


def test_normal_draws_are_normal() -> None:
    draws = normal(np.random.default_rng(1), 100_000)
    assert draws.mean() == pytest.approx(0, abs=0.02)
    assert draws.std() == pytest.approx(1, abs=0.02)
    assert (np.abs(draws) < 1).mean() == pytest.approx(math.erf(math.sqrt(0.5)), abs=0.01)


def test_student_draws_have_the_quantiles_of_four_degrees_of_freedom() -> None:
    draws = student(np.random.default_rng(2), (100, 1000)) * math.sqrt(2)
    # Quantiles 0.75, 0.95 and 0.99 of Student's law with 4 degrees of freedom, from the printed tables.
    np.testing.assert_allclose(np.quantile(draws, [0.75, 0.95, 0.99]), [0.741, 2.132, 3.747], rtol=0.03)
