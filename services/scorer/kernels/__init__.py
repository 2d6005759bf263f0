"""Compiled loops over sessions and symbols: the only code of the scorer that reduces over sessions.

Every kernel takes (session, symbol) float64 C-order arrays and gives the last `rows` sessions of an indicator as
(rows, symbol): one row for a scan, all of them for a history. The inner loop runs over symbols, each symbol is its own
chain of operations in a fixed order, and nothing is reassociated or fused, so that a value has the same bits in a block
of any width. NaN stands before a symbol's first bar and nowhere else; it spreads to every window that touches it.
"""

from collections.abc import Callable
from typing import TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile a loop on its first call and keep the machine code on disk, where numba's own settings say.

    It runs without the interpreter's lock. Division by zero gives inf or NaN, as in numpy.
    """
    compiled: Function = njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled
