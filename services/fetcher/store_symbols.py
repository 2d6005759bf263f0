"""The symbols of a store: numbered by itself, append-only; and the checksums of its rows."""

import sqlite3
from typing import Final

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from services.fetcher.symbols import SymbolIndex

_UNKNOWN: Final = -1


class DamagedRowError(Exception):
    """A row no longer says what was written; it is gone now, and can be fetched again."""


def checksum(*parts: int | bytes) -> int:
    """Return the CRC-32 of some numbers and bytes."""
    value = 0
    for part in parts:
        value = isal_zlib.crc32(part.to_bytes(8, "little", signed=True) if isinstance(part, int) else part, value)
    return value


def intact(expected: object, *parts: object) -> bool:
    """Tell whether values as they were read have the checksum that was read with them; damage may change any type."""
    known = [part for part in parts if isinstance(part, int | bytes)]
    return len(known) == len(parts) and checksum(*known) == expected


class StoreSymbols:
    """Maps the store's numbers of symbols to the columns of an index, and back.

    Symbols lie in the table in the batches in which they were added, each under the number of its first one.
    """

    def __init__(self, db: sqlite3.Connection, index: SymbolIndex) -> None:
        self._db = db
        self._index = index
        self.forget()

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"StoreSymbols({len(self)} symbols)"

    def forget(self) -> None:
        """Start anew: the table is empty."""
        self._columns = np.empty(0, np.int32)  # by number
        self._numbers = np.empty(0, np.int32)  # by column

    def learn(self) -> None:
        """Take over the symbols that were added since the last time, perhaps by another process.

        Raises:
            DamagedRowError: a batch is damaged, or lacks the ones before it.
        """
        query = "SELECT first, names, checksum FROM symbols WHERE first >= ? ORDER BY first"
        for first, names, expected in self._db.execute(query, (len(self),)).fetchall():
            if first != len(self) or not intact(expected, first, names):
                raise DamagedRowError(f"symbols from number {len(self)} on")
            self.extend(names.decode().split("\n"))

    def columns_of(self, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the columns of some numbers.

        Raises:
            DamagedRowError: the table lacks one of them.
        """
        last = int(numbers.max(initial=-1))
        if last >= len(self):
            self.learn()
        if last >= len(self):
            raise DamagedRowError(f"symbols from number {len(self)} on")
        return self._columns[numbers]

    def numbered(self, columns: NDArray[np.int32]) -> tuple[NDArray[np.int32], list[str]]:
        """Return the numbers of some columns, and the symbols that were given theirs only now.

        Called inside a transaction, which writes those to the table; `extend` takes them over once it is committed.
        """
        self.learn()
        missing = int(columns.max(initial=-1)) + 1 - len(self._numbers)
        if missing > 0:
            self._numbers = np.pad(self._numbers, (0, missing), constant_values=_UNKNOWN)
        numbers = self._numbers[columns]
        new = np.flatnonzero(numbers == _UNKNOWN)
        numbers[new] = len(self) + np.arange(len(new), dtype=np.int32)
        names = [self._index.symbol_at(column) for column in columns[new].tolist()]
        if names:
            batch = (len(self), "\n".join(names).encode())
            self._db.execute("INSERT INTO symbols VALUES (?, ?, ?)", (*batch, checksum(*batch)))
        return numbers, names

    def extend(self, names: list[str]) -> None:
        """Take over symbols that are in the table now."""
        if not names:
            return
        self._columns = np.concatenate((self._columns, self._index.add(names)))
        self._numbers = np.full(int(self._columns.max()) + 1, _UNKNOWN, np.int32)
        self._numbers[self._columns] = np.arange(len(self), dtype=np.int32)
