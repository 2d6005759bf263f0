"""A Parquet file of daily bars, laid out by session in memory."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from services.fetcher.symbols import SymbolIndex
from services.market.errors import LocalDataError, MalformedAnswerError
from services.market.panel import FIELDS
from services.market.sessions import FIRST, LAST, sessions_between, to_day_number

if TYPE_CHECKING:
    from pyarrow import ChunkedArray, DataType
    from pyarrow.parquet import ParquetFile

MAX_ROWS: Final = 20_000_000
"""Rows that are held in memory, about 30 bytes each: 5,000 symbols over 16 years."""

VOLUME: Final = FIELDS.index("volume")
Kind = Literal["text", "date", "number"]

_COLUMNS: Final[dict[str, Kind]] = {"symbol": "text", "date": "date", **dict.fromkeys(FIELDS, "number")}
_POWERS: Final = np.array([float(f"1e{power}") for power in range(12)])
_DECADES: Final = np.array([float(f"1e{power}") for power in range(-5, 6)])


@dataclass(frozen=True, slots=True)
class LocalBars:
    """Bars of a file, session after session.

    Attributes:
        session_days: (session,) int32, days since 1970-01-01, ascending: the sessions that have bars.
        starts: (session + 1,) int64, where the bars of a session start and end.
        columns: (bar,) int32, numbers of the symbols in a `SymbolIndex`, each once a session.
        fields: one (bar,) array a field, as in `panel.FIELDS`; float32 where the file has it, else float64.
        dropped_count: rows left out because their date is no session of the exchange.
    """

    session_days: NDArray[np.int32]
    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    fields: tuple[NDArray[np.float32] | NDArray[np.float64], ...]
    dropped_count: int

    def values(self, rows: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        """Return (field, bar) float64 of some bars; prices that are float32 become the decimals that were meant."""
        wide = np.empty((len(FIELDS), len(self.columns[rows])))
        for number, field in enumerate(self.fields):
            wide[number] = field[rows]
            if number < VOLUME and field.dtype == np.float32:
                wide[number] = six_digits(wide[number])
        return wide


@contextmanager
def parquet_file(path: Path) -> Iterator["ParquetFile"]:
    """Open a Parquet file.

    Raises:
        LocalDataError: the file cannot be read, now or inside of the block.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - 0.1 s and 100 MB that only local files need
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError as error:
        raise LocalDataError("reading local files needs pyarrow: install technic[files]") from error
    try:
        with ParquetFile(path) as file:
            yield file
    except FileNotFoundError as error:
        raise LocalDataError(f"there is no file {path}") from error
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise LocalDataError(f"{path} cannot be read as Parquet: {said}") from error
    finally:
        # The reader keeps 250 MB of a large file's buffers for its next one; there is none.
        pa.default_memory_pool().release_unused()


def require(file: "ParquetFile", path: Path, columns: Mapping[str, Kind]) -> None:
    """Raise LocalDataError if a column is missing, is there twice, or is of another kind; nulls may be anywhere."""
    import pyarrow as pa  # noqa: PLC0415 - see parquet_file

    fits: dict[Kind, Callable[[DataType], bool]] = {
        "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "date": lambda kind: pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None),
        "number": lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
    }
    schema = file.schema_arrow
    missing = [name for name in columns if schema.names.count(name) != 1]
    if missing:
        raise LocalDataError(f"{path} lacks a column {missing[0]}; it needs {', '.join(columns)}, each once")
    for name, kind in columns.items():
        found = schema.field(name).type
        plain = found.value_type if pa.types.is_dictionary(found) else found
        if not (fits[kind](plain) or pa.types.is_null(plain)):
            raise LocalDataError(f"{path}: column {name} must hold a {kind} in each row; it is {found}")


def read_bars(path: Path, index: SymbolIndex) -> LocalBars:
    """Read all bars of a file; its symbols get columns in `index`.

    Raises:
        LocalDataError: the file is absent, is not Parquet, is empty, too large or cut short, lacks a column or has one
            of another kind, holds no session of the exchange, or the same symbol and date twice.
    """
    with parquet_file(path) as file:
        require(file, path, _COLUMNS)
        count = file.metadata.num_rows
        if not 0 < count <= MAX_ROWS:
            raise LocalDataError(f"{path} has {count} rows; it needs 1 to {MAX_ROWS}")
        position, sessions = _positions(_days(file, path))
        # Rows without a session have position -1 and come first.
        order = np.argsort(position, kind="stable")
        order = order[int((position < 0).sum()) :]
        if not len(order):
            raise LocalDataError(f"{path} has no row on a session of the exchange between {FIRST} and {LAST}")
        position = position[order]
        columns = _symbol_columns(file, path, order, index)
        _require_unique(position, columns, path)
        held = np.flatnonzero(np.bincount(position))
        starts = np.searchsorted(position, np.append(held, held[-1] + 1))
        fields = tuple(_field(file, path, name)[order] for name in FIELDS)
    return LocalBars(sessions[held], starts, columns, fields, count - len(order))


def six_digits(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round float32 values to 6 significant digits, exactly as `float(f"{x:.6g}")` does.

    So 211.13999938964844, which is the float32 of 211.14, becomes 211.14 again.

    Between 1e-6 and 1e6 a float32 times the power of ten that puts six digits before the point needs at most 24 + 26
    bits: the product is exact, it is rounded half to even once, and over that exact power it is the nearest float64.
    """
    size = np.abs(values)
    scale: NDArray[np.float64] = _POWERS[11 - np.searchsorted(_DECADES, size, side="right")]
    rounded = np.rint(values * scale) / scale
    for i in np.flatnonzero(~((size >= 1e-6) & (size < 1e6))).tolist():
        rounded[i] = float(f"{values[i]:.6g}")
    return rounded


def _column(file: "ParquetFile", path: Path, name: str) -> "ChunkedArray":
    column = file.read([name])[name]
    if len(column) != file.metadata.num_rows:
        raise LocalDataError(f"{path} is damaged: column {name} has {len(column)} of {file.metadata.num_rows} rows")
    return column


def _days(file: "ParquetFile", path: Path) -> NDArray[np.int64]:
    """Return the dates of the rows as days since 1970-01-01."""
    import pyarrow as pa  # noqa: PLC0415 - see parquet_file

    column = _column(file, path, "date")
    if column.null_count:
        raise LocalDataError(f"{path} has {column.null_count} rows without a date")
    dates = column if column.type == pa.date32() else column.cast(pa.date32())
    return np.concatenate([np.from_dlpack(chunk.view(pa.int32())) for chunk in dates.chunks]).astype(np.int64)


def _positions(days: NDArray[np.int64]) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
    """Return each row's position among the sessions of the calendar, -1 for none, and the days of those sessions."""
    sessions = np.array([to_day_number(day) for day in sessions_between(FIRST, LAST)], np.int32)
    first, end = to_day_number(FIRST), to_day_number(LAST) + 1
    # One more place at the end takes all days outside the calendar.
    position_of = np.full(end - first + 1, -1, np.int16)
    position_of[sessions - first] = np.arange(len(sessions))
    inside = (days >= first) & (days < end)
    return position_of[np.where(inside, days - first, -1)], sessions


def _symbol_columns(file: "ParquetFile", path: Path, order: NDArray[np.intp], index: SymbolIndex) -> NDArray[np.int32]:
    """Return the columns of the symbols of the rows in `order`; only symbols that have such rows get one."""
    import pyarrow as pa  # noqa: PLC0415 - see parquet_file

    column = _column(file, path, "symbol")
    if column.null_count:
        raise LocalDataError(f"{path} has {column.null_count} rows without a symbol")
    column = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    symbols = column.chunk(0).dictionary.to_pylist()
    codes = np.concatenate([np.from_dlpack(chunk.indices) for chunk in column.chunks])[order]
    used = np.flatnonzero(np.bincount(codes, minlength=len(symbols)))
    column_of = np.zeros(len(symbols), np.int32)
    try:
        column_of[used] = index.add([symbols[code] for code in used.tolist()])
    except MalformedAnswerError as error:
        raise LocalDataError(f"{path}: {error.message}") from error
    columns: NDArray[np.int32] = column_of[codes]
    return columns


def _require_unique(position: NDArray[np.int16], columns: NDArray[np.int32], path: Path) -> None:
    keys = position.astype(np.int64) << 32 | columns
    if not (np.diff(keys) > 0).all():
        keys.sort()
        repeated = int((np.diff(keys) == 0).sum())
        if repeated:
            raise LocalDataError(f"{path} holds {repeated} bars twice: the same symbol and date")


def _field(file: "ParquetFile", path: Path, name: str) -> NDArray[np.float32] | NDArray[np.float64]:
    """Return a column of numbers; a null becomes NaN."""
    import pyarrow as pa  # noqa: PLC0415 - see parquet_file

    column = _column(file, path, name)
    if column.null_count:
        column = column.cast(pa.float64()).fill_null(np.nan)
    # Not by `to_numpy`, which imports pandas where it is installed: 1 s.
    numbers = np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks])
    return numbers if numbers.dtype == np.float32 else numbers.astype(np.float64, copy=False)
