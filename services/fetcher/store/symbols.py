"""The symbols of a store: numbered by itself, append-only."""

import sqlite3
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.fetcher.store.layout import DamagedRowError, checksum, intact
from services.fetcher.symbols import SymbolIndex

_UNKNOWN: Final = -1


class StoreSymbols:
    """Maps the store's numbers of symbols to the columns of an index, and back.

    Symbols lie in the table in the batches in which they were added, each under the number of its first one. When a
    store had to be emptied, numbers begin anew in another epoch; what says numbers says their epoch.
    """

    def __init__(self, db: sqlite3.Connection, index: SymbolIndex) -> None:
        self._db = db
        self._index = index
        self.epoch = _UNKNOWN
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
        found = self._db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
        epoch = int(found[0]) if found and found[0].isdecimal() else _UNKNOWN
        if epoch != self.epoch:
            self.epoch = epoch
            self.forget()
        query = "SELECT first, epoch, names, checksum FROM symbols WHERE first >= ? ORDER BY first"
        for first, of_epoch, names, expected in self._db.execute(query, (len(self),)).fetchall():
            if (first, of_epoch) != (len(self), epoch) or not intact(expected, first, of_epoch, names):
                raise DamagedRowError(f"the symbols from number {len(self)} on are damaged")
            self.extend(names.decode().split("\n"))

    def knows(self, epoch: int) -> bool:
        """Tell whether numbers of an epoch are those of now.

        Raises:
            DamagedRowError: as `learn`.
        """
        if epoch != self.epoch:
            self.learn()
        return epoch == self.epoch

    def columns_of(self, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the columns of some numbers of this epoch.

        Raises:
            DamagedRowError: the table lacks one of them.
        """
        last = int(numbers.max(initial=-1))
        if last >= len(self):
            self.learn()
        if last >= len(self):
            raise DamagedRowError(f"the symbols from number {len(self)} on are lost")
        return self._columns[numbers]

    def names_of(self, numbers: NDArray[np.int32]) -> frozenset[str]:
        """Return the symbols of some numbers of this epoch; raises as `columns_of`."""
        return frozenset(map(self._index.symbol_at, self.columns_of(numbers).tolist()))

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
            batch = (len(self), self.epoch, "\n".join(names).encode())
            self._db.execute("INSERT INTO symbols VALUES (?, ?, ?, ?)", (*batch, checksum(*batch)))
        return numbers, names

    def extend(self, names: list[str]) -> None:
        """Take over symbols that are in the table now."""
        if not names:
            return
        self._columns = np.concatenate((self._columns, self._index.add(names)))
        self._numbers = np.full(int(self._columns.max()) + 1, _UNKNOWN, np.int32)
        self._numbers[self._columns] = np.arange(len(self), dtype=np.int32)
