"""Reading a body of text eight bytes at a time, for compiled scanners: the first byte of a kind, and decimal digits.

A word holds eight bytes, the first one lowest; a mark is the top bit of a byte. Marks are found by subtractions whose
borrows run upwards only, so that the first mark is always a true one, and those above it need not be.
H. S. Warren, "Hacker's Delight", 2nd ed., 6-1; D. Lemire, "Number Parsing at a Gigabyte per Second", 2021.

Numba keeps compiled code by the file of the outermost function: after a change here, touch `scanner`, too.
"""

from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

kernel = njit(cache=True, nogil=True, error_model="numpy")
inlined = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
"""For what is smaller than a call with an array."""

Bytes = NDArray[np.uint8]
Word = Any
"""A np.uint64, which numba's arithmetic keeps one; the stubs of numpy do not."""

WIDTH: Final = 8
"""Bytes of a word."""


def _each(byte: int) -> Word:
    return np.uint64(byte * 0x0101010101010101)


_ONES, _TOPS, _ZEROS, _ABOVE_NINE = _each(0x01), _each(0x80), _each(ord("0")), _each(0x80 - 10)
_QUOTES, _ESCAPES, _SPACES, _VISIBLE, _DELETES = (_each(byte) for byte in (ord('"'), ord("\\"), 0x20, 0x21, 0x7F))
_NONE, _ONE, _BYTE, _SEVEN, _HALF, _LAST = (np.uint64(number) for number in (0, 1, 8, 7, 32, 56))
_TEN, _PAIR, _PAIRS = np.uint64(10), np.uint64(16), np.uint64(0x000000FF000000FF)
_HUNDREDS, _UNITS = np.uint64(100 + (1_000_000 << 32)), np.uint64(1 + (10_000 << 32))
_LOW, _POINT, _COMMA, _BRACE = (np.uint64(byte) for byte in (0xFF, *(ord(sign) ^ ord("0") for sign in ".,}")))
_signed: Any = np.int64
_TENS: Final = 10 ** np.arange(WIDTH + 1, dtype=np.int64)


@inlined
def peek(body: Bytes, at: int) -> int:
    """Return the byte at a position; past the end 0, which JSON nowhere allows."""
    # Unsigned, so that no code is made for negative positions.
    return body[np.uint64(at)] if at < body.size else 0


@inlined
def word(body: Bytes, at: int) -> Word:
    """Return the eight bytes from a position on; those past the end are 0."""
    found = _NONE
    if at + WIDTH <= body.size:
        # The compiler makes one load of this.
        for i in range(WIDTH):
            found |= np.uint64(body[np.uint64(at + i)]) << np.uint64(8 * i)
        return found
    for i in range(WIDTH):
        found |= np.uint64(peek(body, at + i)) << np.uint64(8 * i)
    return found


@inlined
def first(marks: Word) -> int:
    """Return which byte has the first mark; 8 if there is none."""
    marks >>= _SEVEN
    count: int = _signed(((marks - _ONE) & ~marks & _ONES) * _ONES >> _LAST)
    return count


@inlined
def below(found: Word, limits: Word) -> Word:
    """Mark the bytes below that of `limits`, which is at most 0x80."""
    return (found - limits) & ~found & _TOPS


@inlined
def ends_of_text(found: Word) -> Word:
    """Mark the bytes that are quotes, escapes, control characters or not ASCII."""
    odd = below(found ^ _QUOTES, _ONES) | below(found ^ _ESCAPES, _ONES)
    return odd | below(found, _SPACES) | found & _TOPS


@inlined
def invisible(found: Word) -> Word:
    """Mark the bytes that are spaces, control characters or not ASCII."""
    return below(found, _VISIBLE) | below(found ^ _DELETES, _ONES) | found & _TOPS


@inlined
def up_to(found: Word, count: int, rest: Word) -> Word:
    """Return the first `count` bytes of a word, 1 to 8, followed by those of `rest`."""
    mask = ~_NONE >> np.uint64(8 * (WIDTH - count))
    return (found & mask) | (rest & ~mask)


@inlined
def odd_digits(found: Word) -> Word:
    """Mark the bytes, less the character 0, that are no digits; all marks are true."""
    return ((found & ~_TOPS) + _ABOVE_NINE | found) & _TOPS


@inlined
def value_of(found: Word, count: int) -> int:
    """Return the integer of `count` digits, 1 to 8, less the character 0 each; other bytes do not count."""
    # The digits move to the end of the word, behind zeros; then pairs, fours and all eight are put together.
    found <<= np.uint64(8 * (WIDTH - count))
    found = found * _TEN + (found >> _BYTE)
    value: int = _signed(((found & _PAIRS) * _HUNDREDS + (found >> _PAIR & _PAIRS) * _UNITS) >> _HALF)
    return value


@kernel
def digits(body: Bytes, at: int, value: int) -> tuple[int, int]:
    """Append decimal digits to an integer, which wraps around if there are too many; returns the position after."""
    count = WIDTH
    while count == WIDTH:
        found = word(body, at) ^ _ZEROS
        count = first(odd_digits(found))
        if count > 0:
            value = value * _TENS[count] + value_of(found, count)
            at += count
    return at, value


@inlined
def short_number(found: Word) -> tuple[int, int, int]:
    """Read a decimal number that ends within a word, before a comma or a brace.

    Returns:
        its length, or 0 for whatever else; its digits as an integer; how many of them follow the point.
    """
    found ^= _ZEROS
    marks = odd_digits(found)
    count = end = first(marks)
    if end < WIDTH and found >> np.uint64(8 * end) & _LOW == _POINT:
        end = first(marks & (marks - _ONE))
        # What follows the point moves over it.
        keep = (_ONE << np.uint64(8 * count)) - _ONE
        found = (found & keep) | (found >> _BYTE & ~keep)
    fraction = max(end - count - 1, 0)
    place = np.uint64(8 * (count + fraction))
    after = found >> place & _LOW if end < WIDTH else _NONE
    fits = count > 0 and after in (_COMMA, _BRACE) and end != count + 1
    if not fits or (count > 1 and found & _LOW == _NONE):
        return 0, 0, 0
    return end, value_of(found, count + fraction), fraction
