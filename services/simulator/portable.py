"""Arithmetic with the same bits on every processor.

IEEE 754 fixes the result of `+ - * /`, of square roots and of rounding. Nothing fixes the last bits of exp, log and
cos, nor the order in which a matrix product or `np.sum` adds up: those differ between instruction sets, and a price
close to the middle between two ticks then falls on the other side. So whatever ends up in a bar is computed by plain
operators, and by what stands here, in float64. For the same reason sorting is stable where ties can decide.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_HALVINGS: Final = 6
_GRID: Final = 2.0**20


def exp(exponent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e to a power, within 0.1 % for powers of -8 to 8: a cubic of a 64th of it, squared six times."""
    part = exponent / 2**_HALVINGS
    power = part / 3
    power += 1
    power *= part / 2
    power += 1
    power *= part
    power += 1
    for _ in range(_HALVINGS):
        power *= power
    return power


def growth(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e to a small power, to the second order: positive, and without drift if the changes are symmetric."""
    factor = change / 2
    factor += 1
    factor *= change
    factor += 1
    return factor


def gridded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to multiples of 2**-20, so that a difference in the last bit disappears."""
    return np.rint(values * _GRID) / _GRID


def total(terms: NDArray[np.float64]) -> float:
    """Add up from the first term to the last; `np.sum` adds in the order that suits the processor."""
    return float(np.cumsum(terms)[-1])


def normal(rng: np.random.Generator, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from the standard normal law, on the grid: the generator takes the rare tails from the C library's log."""
    return gridded(rng.standard_normal(shape))


def student(rng: np.random.Generator, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from Student's law with 4 degrees of freedom, scaled to variance 1.

    Chi-square with 4 degrees is twice a sum of two exponentials; both laws have fast generators, Student's has none.
    """
    draws = rng.standard_normal(shape)
    chi_square = rng.standard_exponential(shape)
    chi_square += rng.standard_exponential(shape)
    draws /= np.sqrt(chi_square, out=chi_square)
    return draws
