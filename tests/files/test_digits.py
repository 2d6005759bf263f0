"""Prices from float32."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from services.files.digits import six_digits


@given(st.lists(st.floats(width=32, allow_nan=True), min_size=1, max_size=50))
@example([0.0, -0.0, 1e-45, 3.4e38, float("nan"), float("inf"), 999999.5, 100000.5, 100001.5, 0.5, 1e6])
@example([1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5])
def test_six_digits_are_those_of_printing(values: list[float]) -> None:
    found = six_digits(np.array(values, np.float32).astype(np.float64))
    expected = np.array([float(f"{np.float32(value).item():.6g}") for value in values])
    assert found.tobytes() == expected.tobytes() or np.array_equal(found, expected, equal_nan=True)


@given(st.integers(1, 999_999), st.integers(0, 11))
def test_six_digits_undo_what_a_float32_did_to_a_price(digits: int, power: int) -> None:
    price = float(f"{digits}e-{power}")
    if price >= 1e-6:
        assert six_digits(np.array([price], np.float32).astype(np.float64)).tolist() == [price]
