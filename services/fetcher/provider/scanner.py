"""A compiled scanner for the JSON of a grouped-daily answer: an object whose `results` is a list of flat rows.

It is exact or silent. What it takes, it reads to the same bits as a JSON parser; whatever it does not know (escapes,
bytes beyond ASCII, nested or null values, numbers of more than 53 bits, wrong syntax) makes it give the body back.
A position of `LOST` says so: it lies past the end of any body, where there is no byte to read, so that every later step
fails too and only the last one has to be checked.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.fetcher.provider.words import (
    WIDTH,
    Bytes,
    digits,
    ends_of_text,
    first,
    inlined,
    invisible,
    kernel,
    peek,
    short_number,
    up_to,
    word,
)
from services.fetcher.symbols import FREE, HASH_HIGH, HASH_LOW, HASH_SHIFT, MAX_LENGTH

Table = tuple[NDArray[np.uint64], NDArray[np.int32]]
Rows = tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64]]

OPEN, HIGH, LOW, CLOSE, VOLUME, TIME, VALUES = range(7)
"""Rows of `values`: fields as in `panel.FIELDS`, then the time in ms; `VALUES` is their number."""
NO_SYMBOL: Final = -1
"""Column of a row whose ticker is absent or can be no symbol."""
NEW_SYMBOL: Final = -2
"""Column of a row whose ticker is not in the table."""

LOST: Final = 1 << 60
_TICKER, _OTHER = VALUES, VALUES + 1
_EXACT_INTEGER, _EXACT_POWER, _SAFE_DIGITS = 2**53, 22, 15
_POWERS: Final = np.array([float(f"1e{power}") for power in range(_EXACT_POWER + 1)])
_TRUE, _FALSE, _NULL, _RESULTS = (np.frombuffer(word, np.uint8) for word in (b"true", b"false", b"null", b"results"))
_KEYS: Final = np.full(256, _OTHER, np.int64)
_KEYS[list(b"ohlcvtT")] = (OPEN, HIGH, LOW, CLOSE, VOLUME, TIME, _TICKER)
# Keys, with their colons, that are known at a glance: those of one letter, and the average price, which is left out.
_LETTER, _LETTER_MASK = (np.frombuffer(text, "<u8")[0] for text in (b'"\0":\0\0\0\0', b"\xff\0\xff\xff\0\0\0\0"))
_AVERAGE, _AVERAGE_MASK = (np.frombuffer(text, "<u8")[0] for text in (b'"vw":\0\0\0', b"\xff\xff\xff\xff\xff\0\0\0"))
_LETTERS, _NOTHING = np.frombuffer(b"AAAAAAAA", "<u8")[0], np.uint64(0)


@inlined
def skip_space(body: Bytes, at: int) -> int:
    """Return the position of the next byte that is no white space."""
    byte = peek(body, at)
    while byte <= ord(" ") and (byte == ord(" ") or byte == ord("\n") or byte == ord("\r") or byte == ord("\t")):
        at += 1
        byte = peek(body, at)
    return at


@inlined
def after(body: Bytes, at: int, byte: int) -> int:
    """Return the position after white space and one given byte."""
    if peek(body, at) != byte:
        at = skip_space(body, at)
    return at + 1 if peek(body, at) == byte else LOST


@inlined
def end_of_text(body: Bytes, at: int) -> int:
    """Return the position of the quote that ends a plain ASCII text."""
    count = first(ends_of_text(word(body, at)))
    while count == WIDTH:
        at += WIDTH
        count = first(ends_of_text(word(body, at)))
    return at + count if peek(body, at + count) == ord('"') else LOST


@kernel
def matches(body: Bytes, at: int, word: Bytes) -> bool:
    """Tell whether a word stands at a position."""
    for i in range(word.size):  # noqa: SIM110 - a generator cannot be compiled
        if peek(body, at + i) != word[i]:
            return False
    return True


@kernel
def number(body: Bytes, at: int) -> tuple[int, float]:
    """Read a number; its value is NaN where one division or product of exact floats does not give it.

    Integers up to 2^53 and powers of ten up to 10^22 are exact as float64, so one operation on them rounds once, as
    the nearest float does: W. D. Clinger, "How to Read Floating Point Numbers Accurately", 1990. Minus zero is NaN too.
    """
    negative = peek(body, at) == ord("-")
    start = at + 1 if negative else at
    at, mantissa = digits(body, start, 0)
    count, fraction, power = at - start, 0, 0
    if count == 0 or (count > 1 and body[start] == ord("0")):
        return LOST, np.nan
    if peek(body, at) == ord("."):
        point = at + 1
        at, mantissa = digits(body, point, mantissa)
        fraction = at - point
        if fraction == 0:
            return LOST, np.nan
    if peek(body, at) == ord("e") or peek(body, at) == ord("E"):
        at, power = exponent(body, at + 1)
    power -= fraction
    fits = count + fraction <= 18 and mantissa <= _EXACT_INTEGER and -_EXACT_POWER <= power <= _EXACT_POWER
    if not fits or (negative and mantissa == 0):
        return at, np.nan
    value = mantissa / _POWERS[-power] if power < 0 else mantissa * _POWERS[power]
    return at, -value if negative else value


@kernel
def exponent(body: Bytes, at: int) -> tuple[int, int]:
    """Read the exponent of a number; one of more than 4 characters comes back as too large a value."""
    negative = peek(body, at) == ord("-")
    start = at + 1 if negative or peek(body, at) == ord("+") else at
    at, value = digits(body, start, 0)
    if at == start:
        return LOST, 0
    if at - start > 4:
        return at, 10_000
    return at, -value if negative else value


@kernel
def skip_scalar(body: Bytes, at: int) -> int:
    """Return the position after a value that is neither an object nor a list."""
    end: int = LOST
    if peek(body, at) == ord('"'):
        end = end_of_text(body, at + 1) + 1
    elif matches(body, at, _TRUE) or matches(body, at, _NULL):
        end = at + 4
    elif matches(body, at, _FALSE):
        end = at + 5
    else:
        end, _ = number(body, at)
    return end


@inlined
def find_key(body: Bytes, at: int) -> tuple[int, int]:
    """Return the position of the value after a key and its colon, and what the key stands for."""
    found = word(body, at)
    letter = np.int64(found >> np.uint64(8) & np.uint64(0xFF))
    key: int = _KEYS[letter]
    if found & _LETTER_MASK == _LETTER and (key != _OTHER or letter == ord("n")):
        return at + 4, key
    if found & _AVERAGE_MASK == _AVERAGE:
        return at + 5, _OTHER
    at = after(body, at, ord('"'))
    key = _KEYS[peek(body, at)] if peek(body, at + 1) == ord('"') else _OTHER
    colon = at + 2 if key != _OTHER else end_of_text(body, at) + 1
    return after(body, colon, ord(":")), key


@inlined
def whole_time(body: Bytes, at: int) -> tuple[int, float]:
    """Read a time in whole ms, spelled so; what else it might be is the parser's to say."""
    end, value = digits(body, at, 0)
    count, byte = end - at, peek(body, end)
    fits = 0 < count <= _SAFE_DIGITS and byte != ord(".") and byte != ord("e") and byte != ord("E")
    if not fits or (count > 1 and peek(body, at) == ord("0")):
        return LOST, np.nan
    return end, float(value)


@kernel
def long_value(body: Bytes, at: int, key: int) -> tuple[int, float]:
    """Read what stands behind a key other than the ticker's; NaN where that does not count."""
    if key == TIME:
        at, value = whole_time(body, at)
        return at, value
    if key > VALUES:
        return skip_scalar(body, at), np.nan
    at, value = number(body, at)
    return LOST if np.isnan(value) else at, value


@kernel
def scan_row(body: Bytes, at: int, values: NDArray[np.float64], row: int) -> tuple[int, int, int]:
    """Read one row after its brace; returns the position after it, and where its ticker starts and ends.

    A key that comes twice counts as it does for a parser: the last one is taken.
    """
    start, end, seen, value, byte = 0, 0, 0, np.nan, ord(",")
    while byte == ord(","):
        at, key = find_key(body, at)
        at = skip_space(body, at)
        if key == _TICKER:
            start = after(body, at, ord('"'))
            end = end_of_text(body, start)
            at = end + 1
        else:
            length, mantissa, fraction = short_number(word(body, at))
            if length > 0 and key != TIME:
                at, value = at + length, mantissa / _POWERS[fraction]
            else:
                at, value = long_value(body, at, key)
            if key < VALUES:
                values[key, row] = value
                seen |= 1 << key
        at = skip_space(body, at)
        byte = peek(body, at)
        at += 1
    if seen != (1 << VALUES) - 1:
        for key in range(VALUES):
            if not seen >> key & 1:
                values[key, row] = np.nan
    return at if byte == ord("}") else LOST, start, end


@kernel
def find(body: Bytes, start: int, end: int, table: Table) -> int:
    """Return the column of the ticker between two positions, `NEW_SYMBOL` or `NO_SYMBOL`."""
    words, columns = table
    count = end - start
    if count == 0 or count > MAX_LENGTH:
        return NO_SYMBOL
    low = up_to(word(body, start), min(count, WIDTH), _LETTERS)
    high = up_to(word(body, start + WIDTH), count - WIDTH, _LETTERS) if count > WIDTH else _LETTERS
    if invisible(low) | invisible(high):
        return NO_SYMBOL
    low = up_to(low, min(count, WIDTH), _NOTHING)
    high = up_to(high, count - WIDTH, _NOTHING) if count > WIDTH else _NOTHING
    mixed = low * np.uint64(HASH_LOW) ^ high * np.uint64(HASH_HIGH)
    mixed ^= mixed >> np.uint64(HASH_SHIFT)
    mask = columns.size - 1
    slot = np.int64(mixed & np.uint64(mask))
    while columns[slot] != FREE and (words[slot, 0] != low or words[slot, 1] != high):
        slot = (slot + 1) & mask
    column: int = columns[slot]
    return NEW_SYMBOL if column == FREE else column


@kernel
def scan_rows(body: Bytes, at: int, table: Table, out: Rows) -> tuple[int, int]:
    """Read the list of rows; returns the position after it and the number of rows."""
    values, columns, tickers = out
    rows, byte = 0, ord(",")
    at = after(body, at, ord("["))
    while byte == ord(","):
        at = after(body, at, ord("{"))
        if rows == columns.size:
            return LOST, 0
        at, start, end = scan_row(body, at, values, rows)
        if at < LOST:
            columns[rows] = find(body, start, end, table)
            tickers[0, rows], tickers[1, rows] = start, end
        rows += 1
        at = skip_space(body, at)
        byte = peek(body, at)
        at += 1
    return at if byte == ord("]") else LOST, rows


@kernel
def scan(body: Bytes, table: Table, out: Rows) -> int:
    """Read an answer into arrays; returns its number of rows, or -1 if the body is given back.

    Args:
        body: (byte,) uint8, read-only.
        table: words and columns of a `SymbolTable`.
        out: arrays to write to, with room for the rows: values, (value, row) float64 in the order of `OPEN` to `TIME`,
            NaN = absent; columns, (row,) int32, or `NEW_SYMBOL`, `NO_SYMBOL`; tickers, (2, row) int64, where the ticker
            of a row starts and ends.
    """
    at, rows, byte = after(body, 0, ord("{")), -1, ord(",")
    while byte == ord(","):
        start = after(body, at, ord('"'))
        end = end_of_text(body, start)
        at = skip_space(body, after(body, end + 1, ord(":")))
        if end - start == _RESULTS.size and matches(body, start, _RESULTS):
            at, rows = scan_rows(body, LOST if rows >= 0 else at, table, out)
        else:
            at = skip_scalar(body, at)
        at = skip_space(body, at)
        byte = peek(body, at)
        at += 1
    return rows if byte == ord("}") and skip_space(body, at) == body.size else -1
