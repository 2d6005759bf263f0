"""The file of a store: SQLite, one row a session, one transaction a write. Blocking; for one thread.

A row holds the bars of a session as they came: numbers of the symbols, int32, and (field, bar) float64, little-endian.
The store numbers symbols by itself, append-only, so that processes may share it; on the way in and out they are mapped
to the columns of this process's `SymbolIndex`. Every row carries a checksum over all that it says.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Final

import numpy as np

from services.fetcher.source import SessionBars
from services.fetcher.store.check import META, WRONG_CHECKSUM, Key
from services.fetcher.store.layout import (
    DamagedRowError,
    Place,
    checksum,
    transaction,
)
from services.fetcher.store.quarantine import PutAsideError, QuarantinedRow
from services.fetcher.store.restated import Restatements
from services.fetcher.store.revisions import Numbered, Revisions, changed
from services.fetcher.store.rows import StoreRows
from services.fetcher.store.splits import SPLITS, KnownSplits, StoreSplits
from services.fetcher.symbols import SymbolIndex
from services.market.adjust import Split
from services.market.panel import FIELDS
from services.market.sessions import FIRST, LAST, close_time, from_day_number, is_session, to_day_number

PROVISIONAL_S: Final = 12 * 3600
"""Seconds after its close for which the provider may still change a session."""
PROVISIONAL_SESSIONS: Final = 5
"""Sessions, the newest ones, that are looked at for that."""
ANSWER_DAYS: Final = 31
"""Days that an answer about a single symbol is kept."""
LEAST_SHARE: Final = 0.5
"""A session that comes again with a smaller share of its bars is not believed."""
_CALENDAR: Final = (to_day_number(FIRST), to_day_number(LAST))
"""Days that may be sessions; a damaged one may be any number."""
_PASSING: Final = "symbol %"
"""Questions of which there are thousands, and whose answers nobody asks for again after `ANSWER_DAYS`."""


class StoreFile(StoreRows):
    """The sessions, splits and answers of an open store; arguments and errors as of `StoreRows`."""

    def __init__(self, place: Place, index: SymbolIndex) -> None:
        super().__init__(place, index)
        self._splits = StoreSplits(self._db)
        self._revisions = Revisions(self._db)
        self._restatements = Restatements(self._db)

    @property
    def symbol_count(self) -> int:
        """Symbols that have a bar in any session that was ever stored."""
        return len(self._symbols)

    @property
    def restated_count(self) -> int:
        """Bars that were changed after they were first stored."""
        return self._revisions.bar_count

    def sessions(self) -> tuple[date, ...]:
        """Return the sessions that are here, ascending."""
        days = self._db.execute("SELECT day FROM sessions WHERE day BETWEEN ? AND ? ORDER BY day", _CALENDAR)
        return tuple(from_day_number(day) for (day,) in days)

    def bar_counts(self) -> dict[date, int]:
        """Return the number of bars of each session."""
        found = self._db.execute("SELECT day, length(numbers) / 4 FROM sessions WHERE day BETWEEN ? AND ?", _CALENDAR)
        return {from_day_number(day): count for day, count in found}

    def read(self, session: date) -> SessionBars | None:
        """Return the bars of a session; None if it is not here.

        Raises:
            DamagedRowError: the row was damaged, and is put aside.
        """
        found = self._row(Key("sessions", to_day_number(session)))
        if found is None:
            return None
        with self._whole_symbols():
            columns = self._symbols.columns_of(np.frombuffer(found[-2], "<i4"))
        return SessionBars(session, columns, np.frombuffer(found[-1], "<f8").reshape(len(FIELDS), -1), 0)

    def write(self, bars: SessionBars, seen_at: float) -> None:
        """Add a session; one that is here stays as it is.

        Args:
            bars: of the session.
            seen_at: seconds since 1970 when they came.

        Raises:
            DamagedRowError: the symbols of the store were damaged: it is empty now.
        """
        with self._numbering(bars) as numbered:
            self._insert("ON CONFLICT DO NOTHING", bars.session, (int(seen_at), int(seen_at)), numbered)

    def restate(self, bars: SessionBars, seen_at: float, least_share: float = LEAST_SHARE) -> int | None:
        """Put a session in place of the one that is here, and keep the bars that it changes as a revision.

        Args:
            bars: of the session.
            seen_at: seconds since 1970 when they came.
            least_share: with a smaller share of the bars that are here nothing is changed.

        Returns:
            bars that were changed, added or removed; None if there were too few.

        Raises:
            DamagedRowError: what is here, or the symbols, were damaged.
        """
        day, now = to_day_number(bars.session), int(seen_at)
        found = self._row(Key("sessions", day))
        if found is None:
            self.write(bars, seen_at)
            return len(bars.columns)
        old = Numbered(np.frombuffer(found[-2], "<i4"), np.frombuffer(found[-1], "<f8").reshape(len(FIELDS), -1))
        if len(bars.columns) < least_share * len(old.numbers):
            return None
        with self._numbering(bars) as numbered:
            before = changed(old, numbered)
            # Unless another process emptied the store just now, and numbers are others.
            if len(before.numbers) and self._symbols.epoch == found[3]:
                self._revisions.add(day, before, found[1], now)
            self._db.execute("DELETE FROM sessions WHERE day = ?", (day,))
            self._insert("", bars.session, (found[1], now), numbered)
        return len(before.numbers)

    def restated(self, first: date, as_of: date) -> frozenset[str]:
        """Return the symbols that were restated since a window was first complete; see `Restatements`.

        Raises:
            DamagedRowError: the symbols of the store were damaged: it is empty now.
        """
        numbers, symbols = self._restatements.since_complete(first, as_of)
        with self._whole_symbols():
            return symbols | self._symbols.names_of(numbers)

    def provisional(self, now: float) -> tuple[date, ...]:
        """Return the newest sessions that came so soon after their close that the provider may have changed them since.

        Args:
            now: seconds since 1970.
        """
        query = "SELECT day, seen_at FROM sessions WHERE day BETWEEN ? AND ? ORDER BY day DESC LIMIT ?"
        found = self._db.execute(query, (*_CALENDAR, PROVISIONAL_SESSIONS))
        seen = [(from_day_number(day), seen_at) for day, seen_at in found if is_session(from_day_number(day))]
        ends = [(session, at, close_time(session).timestamp() + PROVISIONAL_S) for session, at in seen]
        return tuple(session for session, at, end in ends if at < end <= now)

    def prune(self, keep: int, before: date = LAST) -> None:
        """Drop the oldest sessions beyond the newest `keep` ones, with their revisions; none from `before` on.

        The pages that they leave are used for what is written next.
        """
        query = "SELECT day FROM sessions ORDER BY day DESC LIMIT 1 OFFSET ?"
        oldest = self._db.execute(query, (keep - 1,)).fetchone()
        if oldest is None:
            return
        first = min(oldest[0], to_day_number(before))
        with transaction(self._db):
            self._db.execute("DELETE FROM sessions WHERE day < ?", (first,))
            self._db.execute("DELETE FROM revisions WHERE day < ?", (first,))

    def answer(self, question: str) -> tuple[date, bytes] | None:
        """Return the newest session at the time of an answer, and the answer; None if the question was never asked.

        Raises:
            DamagedRowError: the row was damaged, and is put aside.
        """
        found = self._row(Key("answers", question))
        return None if found is None else (from_day_number(found[1]), found[2])

    def write_answer(self, question: str, newest: date, body: bytes) -> None:
        """Keep an answer in place of the one before; those about single symbols that are too old leave."""
        day = to_day_number(newest)
        with transaction(self._db):
            row = (question, day, checksum(question, day, body), body)
            self._db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)
            if question == SPLITS:
                oldest = to_day_number(newest - timedelta(days=ANSWER_DAYS))
                self._db.execute("DELETE FROM answers WHERE newest < ? AND question LIKE ?", (oldest, _PASSING))

    def splits(self) -> KnownSplits | None:
        """Return the splits that the provider listed; None if it was never asked.

        Raises:
            DamagedRowError: one was damaged or lost; they are to be asked for again.
        """
        found = self.answer(SPLITS)
        if found is None:
            return None
        try:
            return self._splits.read(*found)
        except DamagedRowError as error:
            for key in self._check.every_key():
                if key.table == "splits" and self._check.read(key) == ():
                    self._put_aside(key, WRONG_CHECKSUM)
            self._put_aside(Key("answers", SPLITS), str(error))

    def write_splits(self, newest: date, first: date, splits: Collection[Split], seen_at: float) -> None:
        """Take over the splits that the provider lists from `first` on, `newest` being the newest session."""
        with transaction(self._db):
            self.write_answer(SPLITS, newest, self._splits.write(first, splits, int(seen_at)))

    def check(self, key: Key) -> QuarantinedRow | None:
        """Check a row, and put it aside if it is damaged; None if it is whole, or gone."""
        try:
            self._examine(key)
        except PutAsideError as error:
            return error.row
        return None

    def _examine(self, key: Key) -> None:
        if key.table == "sessions":
            if key.session is None:
                self._put_aside(key, "it is of no session of the exchange")
            self.read(key.session)
        elif key.table == "symbols":
            with self._whole_symbols():
                self._symbols.forget()
                self._symbols.learn()
        elif key == Key("answers", SPLITS):
            self.splits()
        elif key.table != "meta":
            if self._row(key) is None and key.table == "answers":
                self._row(key, scan=True)
        elif key.value not in META:
            self._put_aside(key, "no version wrote such a row")

    @contextmanager
    def _numbering(self, bars: SessionBars) -> Iterator[Numbered]:
        """Give bars the store's numbers of their symbols; new ones are written in the transaction of the block."""
        with self._whole_symbols(), transaction(self._db):
            numbers, names = self._symbols.numbered(bars.columns)
            yield Numbered(numbers, np.ascontiguousarray(bars.bars, "<f8"))
        # Only now are the new symbols there for sure.
        self._symbols.extend(names)

    def _insert(self, otherwise: str, session: date, seen: tuple[int, int], bars: Numbered) -> None:
        blobs = (bars.numbers.astype("<i4").tobytes(), bars.bars.tobytes())
        row = (to_day_number(session), *seen, self._symbols.epoch)
        self._db.execute(
            f"INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?) {otherwise}",  # noqa: S608 - a constant
            (*row, checksum(*row, *blobs), *blobs),
        )
