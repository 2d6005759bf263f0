"""Reads daily bars: one file, or all files of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from services.files.bars import BarTable, Field, widened
from services.files.table import SUFFIXES, Column, Table, open_table
from services.market.errors import LocalDataError
from services.market.panel import FIELDS
from services.market.sessions import FIRST, LAST, from_day_number, sessions_between, to_day_number

if TYPE_CHECKING:
    from pyarrow import Array

MAX_ROWS: Final = 20_000_000
"""Rows that are held in memory, about 30 bytes each: 5,000 symbols over 16 years."""

_COLUMNS: Final = (
    Column("symbol", "text", aliases=("ticker",)),
    Column("date", "date", aliases=("day", "session")),
    *(Column(name, "number") for name in FIELDS),
)


def find_files(path: Path, others: Sequence[Path | None] = ()) -> tuple[Path, ...]:
    """Return the files of bars that a path names: itself or, for a folder, what lies in it and ends as in `SUFFIXES`.

    Hidden files, a `universe.*` and the `others` that a user named for other things hold no bars.

    Raises:
        LocalDataError: there is nothing at the path, or no file in the folder.
    """
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise LocalDataError(f"there is no file or folder {path}")
    taken = {other.resolve() for other in others if other is not None}
    found = sorted(
        file
        for file in path.iterdir()
        if file.name.lower().endswith(SUFFIXES)
        and not file.name.startswith((".", "universe."))
        and file.resolve() not in taken
        and file.is_file()
    )
    if not found:
        raise LocalDataError(f"the folder {path} has no file of bars: none ends in {', '.join(SUFFIXES)}")
    return tuple(found)


def read_bars(paths: Sequence[Path]) -> BarTable:
    """Read all bars of some files.

    Raises:
        LocalDataError: a file is absent, is neither Parquet nor CSV, is empty, too large or cut short, lacks a column
            or has one of another kind; no row is on a session of the exchange; the same symbol and date come twice, in
            one file or in two.
    """
    numbers: dict[str, int] = {}
    parts: list[_Part] = []
    for path in paths:
        parts.append(_read(path, numbers, MAX_ROWS - sum(part.row_count for part in parts)))
    position = np.concatenate([part.position for part in parts])
    if not len(position):
        named = ", ".join(map(str, paths))
        raise LocalDataError(f"{named}: no row is on a session of the exchange between {FIRST} and {LAST}")
    order = np.argsort(position, kind="stable")
    position = position[order]
    columns = np.concatenate([part.columns for part in parts])[order]
    _require_unique(position, columns, order, parts)
    held = np.flatnonzero(np.bincount(position))
    return BarTable(
        symbols=tuple(numbers),
        session_days=_session_days()[held],
        starts=np.searchsorted(position, np.append(held, held[-1] + 1)),
        columns=columns,
        # Popped, so that no field is in memory twice for longer than it takes to order it.
        fields=tuple(_joined([part.fields.pop(0) for part in parts], i)[order] for i in range(len(FIELDS))),
        dropped_count=sum(part.row_count - len(part.position) for part in parts),
    )


def last_session(paths: Sequence[Path]) -> date:
    """Return the last session that some files have rows for, from their dates alone.

    Raises:
        LocalDataError: as `read_bars`, as far as dates tell.
    """
    newest = -1
    for path in paths:
        with open_table(path, _COLUMNS) as table:
            newest = max(newest, int(_positions(_days(table)).max(initial=-1)))
    if newest < 0:
        named = ", ".join(map(str, paths))
        raise LocalDataError(f"{named}: no row is on a session of the exchange between {FIRST} and {LAST}")
    return from_day_number(int(_session_days()[newest]))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The rows of one file that are on a session: positions of their sessions and symbols, and their values."""

    path: Path
    row_count: int
    position: NDArray[np.int16]
    columns: NDArray[np.int32]
    fields: list[Field]


def _read(path: Path, numbers: dict[str, int], most: int) -> _Part:
    """Read one file; its symbols get the next free of the `numbers`, if they have a row on a session."""
    with open_table(path, _COLUMNS) as table:
        if not 0 < table.row_count <= most:
            raise LocalDataError(f"{path} has {table.row_count} rows; it needs 1 to {most}")
        position = _positions(_days(table))
        kept = np.flatnonzero(position >= 0)
        every = len(kept) == len(position)
        columns = _symbol_columns(table, slice(None) if every else kept, numbers)
        fields = [_field(table, name) for name in FIELDS]
        if not every:
            position, fields = position[kept], [field[kept] for field in fields]
    return _Part(path, table.row_count, position, columns, fields)


def _days(table: Table) -> NDArray[np.int64]:
    """Return the dates of the rows as days since 1970-01-01."""
    import pyarrow as pa  # noqa: PLC0415 - see open_table

    column = table.filled("date")
    dates = column if column.type == pa.date32() else column.cast(pa.date32())
    return _numbers([chunk.view(pa.int32()) for chunk in dates.chunks]).astype(np.int64)


def _session_days() -> NDArray[np.int32]:
    return np.array([to_day_number(day) for day in sessions_between(FIRST, LAST)], np.int32)


def _positions(days: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return each row's position among the sessions of the calendar, -1 for none."""
    first, end = to_day_number(FIRST), to_day_number(LAST) + 1
    sessions = _session_days()
    # One more place at the end takes all days outside the calendar.
    position_of = np.full(end - first + 1, -1, np.int16)
    position_of[sessions - first] = np.arange(len(sessions))
    inside = (days >= first) & (days < end)
    return position_of[np.where(inside, days - first, -1)]


def _symbol_columns(table: Table, kept: slice | NDArray[np.intp], numbers: dict[str, int]) -> NDArray[np.int32]:
    import pyarrow as pa  # noqa: PLC0415 - see open_table

    column = table.filled("symbol")
    column = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    symbols = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    codes = _numbers([chunk.indices for chunk in column.chunks])[kept]
    column_of = np.zeros(len(symbols), np.int32)
    for code in np.flatnonzero(np.bincount(codes, minlength=len(symbols))).tolist():
        column_of[code] = numbers.setdefault(symbols[code], len(numbers))
    columns: NDArray[np.int32] = column_of[codes]
    return columns


def _require_unique(
    position: NDArray[np.int16], columns: NDArray[np.int32], order: NDArray[np.intp], parts: list[_Part]
) -> None:
    keys = position.astype(np.int64) << 32 | columns
    if (np.diff(keys) > 0).all():
        return
    sorting = np.argsort(keys, kind="stable")
    again = np.flatnonzero(np.diff(keys[sorting]) == 0)
    if not len(again):
        return
    ends = np.cumsum([len(part.position) for part in parts])
    files = np.searchsorted(ends, order[sorting[np.concatenate([again, again + 1])]], side="right")
    named = [str(parts[file].path) for file in np.unique(files).tolist()]
    if len(named) == 1:
        raise LocalDataError(f"{named[0]} holds {len(again)} bars twice: the same symbol and date")
    raise LocalDataError(f"{', '.join(named)} overlap: {len(again)} times the same symbol and date")


def _field(table: Table, name: str) -> Field:
    """Return a column of numbers; a null becomes NaN."""
    import pyarrow as pa  # noqa: PLC0415 - see open_table

    column = table.column(name)
    if column.null_count:
        column = column.cast(pa.float64()).fill_null(np.nan)
    numbers: Field = _numbers(column.chunks)
    return numbers if numbers.dtype == np.float32 else numbers.astype(np.float64, copy=False)


def _numbers(chunks: "Sequence[Array]") -> NDArray[Any]:
    # Not by `to_numpy`, which imports pandas where it is installed: 1 s.
    return np.concatenate([np.from_dlpack(chunk) for chunk in chunks]) if chunks else np.empty(0, np.int32)


def _joined(fields: list[Field], number: int) -> Field:
    """Join the values of all files; where one of them has float64, the others' float32 become it first."""
    if len({field.dtype for field in fields}) == 1:
        joined: NDArray[Any] = np.concatenate(fields)
        return joined
    return np.concatenate([widened(field, number) for field in fields])
