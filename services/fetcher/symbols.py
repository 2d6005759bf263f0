"""Numbering of symbols: each gets a small number, its column, the first time it is seen, and keeps it."""

from collections.abc import Sequence
from threading import Lock
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.market.errors import MalformedAnswerError

MAX_SYMBOLS: Final = 65_536
"""Bound of an index; the market has about 13,000 symbols, and names of all years about 40,000."""
MAX_LENGTH: Final = 16
"""Longest symbol, in characters: two machine words."""
FREE: Final = -1
"""Column of a slot of the table that holds no symbol."""

HASH_LOW: Final = 0x9E3779B97F4A7C15
HASH_HIGH: Final = 0xC2B2AE3D27D4EB4F
HASH_SHIFT: Final = 32
_SLOTS_AT_FIRST: Final = 1 << 15


class SymbolTable(NamedTuple):
    """A snapshot of the index as an open-addressing hash table with linear probing, for compiled code.

    A symbol is its bytes padded with zeros, as two little-endian words. Its first slot is `h % slots` with
    h = low * HASH_LOW ^ high * HASH_HIGH, then h ^= h >> HASH_SHIFT. At least half of the slots are free.

    Attributes:
        words: (slot, 2) uint64, read-only.
        columns: (slot,) int32, read-only; `FREE` where there is no symbol.
    """

    words: NDArray[np.uint64]
    columns: NDArray[np.int32]


def is_symbol(text: str) -> bool:
    """Tell whether a text can be a symbol: 1 to `MAX_LENGTH` visible ASCII characters."""
    return 0 < len(text) <= MAX_LENGTH and text.isascii() and text.isprintable() and " " not in text


class SymbolIndex:
    """Symbols and their columns, append-only and safe for threads.

    A table handed out is never written to again: a scan that runs without the GIL works on its snapshot.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._symbols: list[str] = []
        self._columns: dict[str, int] = {}
        self._table = _empty_table(_SLOTS_AT_FIRST)

    def __len__(self) -> int:
        return len(self._symbols)

    def __repr__(self) -> str:
        return f"SymbolIndex({len(self)} symbols)"

    @property
    def table(self) -> SymbolTable:
        """The hash table of all symbols added so far."""
        return self._table

    def column_of(self, symbol: str) -> int | None:
        """Return the column of a symbol, or None if it was never added."""
        return self._columns.get(symbol)

    def symbol_at(self, column: int) -> str:
        """Return the symbol of a column; raises IndexError for a column that was never given."""
        if column < 0:
            raise IndexError(f"no symbol has column {column}")
        return self._symbols[column]

    def add(self, symbols: Sequence[str]) -> NDArray[np.int32]:
        """Return the columns of `symbols`, (symbol,) int32, giving the next free ones to those that are new.

        Raises:
            MalformedAnswerError: a text is no symbol, or there would be more than `MAX_SYMBOLS`; nothing is added.
        """
        with self._lock:
            new = [symbol for symbol in dict.fromkeys(symbols) if symbol not in self._columns]
            if new:
                self._append(new)
        return np.fromiter((self._columns[symbol] for symbol in symbols), np.int32, len(symbols))

    def _append(self, new: list[str]) -> None:
        first = len(self._symbols)
        total = first + len(new)
        if total > MAX_SYMBOLS:
            raise MalformedAnswerError(f"{total} symbols were named; no market has more than {MAX_SYMBOLS}")
        odd = next((symbol for symbol in new if not is_symbol(symbol)), None)
        if odd is not None:
            raise MalformedAnswerError(f"{odd[:40]!r} is no symbol")
        slots = len(self._table.columns)
        grown = max(slots, 1 << (2 * total - 1).bit_length())
        table = _extended(self._table, new, first) if grown == slots else _rebuilt([*self._symbols, *new], grown)
        # A reader that finds a column must find its symbol: names first, the table last.
        self._symbols.extend(new)
        self._columns.update(zip(new, range(first, total), strict=True))
        self._table = table


def _empty_table(slots: int) -> SymbolTable:
    return _frozen(np.zeros((slots, 2), np.uint64), np.full(slots, FREE, np.int32))


def _rebuilt(symbols: list[str], slots: int) -> SymbolTable:
    return _extended(_empty_table(slots), symbols, 0)


def _extended(table: SymbolTable, new: list[str], first: int) -> SymbolTable:
    words, columns = table.words.copy(), table.columns.copy()
    added = np.array(new, f"S{MAX_LENGTH}").view("<u8").astype(np.uint64, copy=False).reshape(-1, 2)
    mixed = added[:, 0] * np.uint64(HASH_LOW) ^ added[:, 1] * np.uint64(HASH_HIGH)
    mixed ^= mixed >> np.uint64(HASH_SHIFT)
    mask = len(columns) - 1
    for number, start in enumerate((mixed & np.uint64(mask)).tolist()):
        slot = start
        while columns[slot] != FREE:
            slot = (slot + 1) & mask
        words[slot] = added[number]
        columns[slot] = first + number
    return _frozen(words, columns)


def _frozen(words: NDArray[np.uint64], columns: NDArray[np.int32]) -> SymbolTable:
    words.flags.writeable = False
    columns.flags.writeable = False
    return SymbolTable(words, columns)
