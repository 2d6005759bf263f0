"""Columns of a table in a file: Parquet, or CSV that may be gzipped. What is no such file is told in one sentence."""

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from services.market.errors import LocalDataError

if TYPE_CHECKING:
    from pyarrow import ChunkedArray, DataType

Kind = Literal["text", "date", "number"]

CSV_SUFFIXES: Final = (".csv", ".csv.gz")
SUFFIXES: Final = (".parquet", *CSV_SUFFIXES)
"""How the names of files in a folder end. A file that is named itself is Parquet unless it ends like a CSV file."""

_HEADER_LIMIT: Final = 65_536


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a file must have.

    Args:
        name: ours, in lower case; in files the case does not matter.
        kind: of its values; nulls may be anywhere.
        aliases: other names, the first one in the file counts; tried after `name`.
        required: whether a file without it is refused.
    """

    name: str
    kind: Kind
    aliases: tuple[str, ...] = ()
    required: bool = True


class Table:
    """A file whose columns can be read one by one. Made by `open_table`.

    Args:
        path: of the file.
        row_count: rows that each column has.
        read: returns a column by its name in the file.
        places: names in the file, by our names; optional columns that are absent are missing here.
    """

    def __init__(
        self, path: Path, row_count: int, read: Callable[[str], "ChunkedArray"], places: dict[str, str]
    ) -> None:
        self.path = path
        self.row_count = row_count
        self._read = read
        self._places = places

    def __repr__(self) -> str:
        return f"Table({self.path}, {self.row_count} rows)"

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def column(self, name: str) -> "ChunkedArray":
        """Return a column by our name.

        Raises:
            LocalDataError: it has fewer rows than the file says.
        """
        column = self._read(self._places[name])
        if len(column) != self.row_count:
            raise LocalDataError(f"{self.path} is damaged: column {name} has {len(column)} of {self.row_count} rows")
        return column

    def filled(self, name: str) -> "ChunkedArray":
        """Return a column that must not have a null.

        Raises:
            LocalDataError: it has one.
        """
        column = self.column(name)
        if column.null_count:
            raise LocalDataError(f"{self.path} has {column.null_count} rows without a {name}")
        return column


@contextmanager
def open_table(path: Path, columns: Sequence[Column]) -> Iterator[Table]:
    """Open a file that has `columns`, in any order, among others.

    Raises:
        LocalDataError: the file is absent or cannot be read, now or inside of the block; it lacks a column, has one
            twice, or has one of another kind.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - 0.1 s and 100 MB that only local files need
    except ImportError as error:
        raise LocalDataError("reading local files needs pyarrow: install technic[files]") from error
    kind = "CSV" if path.name.lower().endswith(CSV_SUFFIXES) else "Parquet"
    opened = _csv_table if kind == "CSV" else _parquet_table
    try:
        with opened(path, columns) as table:
            yield table
    except FileNotFoundError as error:
        raise LocalDataError(f"there is no file {path}") from error
    except (OSError, EOFError, csv.Error, pa.ArrowException, UnicodeDecodeError) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise LocalDataError(f"{path} cannot be read as {kind}: {said}") from error
    finally:
        # The reader keeps 250 MB of a large file's buffers for its next one; there is none.
        pa.default_memory_pool().release_unused()


@contextmanager
def _parquet_table(path: Path, columns: Sequence[Column]) -> Iterator[Table]:
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - see open_table

    with ParquetFile(path) as file:
        schema = file.schema_arrow
        places = _places(path, schema.names, columns)
        for column in columns:
            if column.name in places:
                _require_kind(path, column, schema.field(places[column.name]).type)
        yield Table(path, file.metadata.num_rows, lambda name: file.read([name])[name], places)


@contextmanager
def _csv_table(path: Path, columns: Sequence[Column]) -> Iterator[Table]:
    import pyarrow as pa  # noqa: PLC0415 - see open_table
    from pyarrow import csv as arrow_csv  # noqa: PLC0415

    header = _header(path)
    places = _places(path, header, columns)
    arrow: dict[Kind, DataType] = {"text": pa.string(), "date": pa.date32(), "number": pa.float64()}
    types = {places[column.name]: arrow[column.kind] for column in columns if column.name in places}
    try:
        table = arrow_csv.read_csv(
            str(path),
            # Our own reading of the header: it knows of a byte order mark, and of spaces around names.
            read_options=arrow_csv.ReadOptions(skip_rows=1, column_names=_distinct(header)),
            convert_options=arrow_csv.ConvertOptions(include_columns=list(types), column_types=types),
        )
    except pa.ArrowInvalid as error:
        said = re.sub(r"In CSV column #(\d+)", lambda found: f"column {header[int(found[1])]}", str(error))
        raise pa.ArrowInvalid(said) from error
    yield Table(path, table.num_rows, table.column, places)


def _header(path: Path) -> list[str]:
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as lines:
        line = lines.readline(_HEADER_LIMIT)
    return [name.strip() for name in next(csv.reader([line]), [])]


def _distinct(header: list[str]) -> list[str]:
    """Give columns that we do not read, and that have one name, different names."""
    return [name if header.count(name) == 1 else f"{name} {place}" for place, name in enumerate(header)]


def _places(path: Path, names: list[str], columns: Sequence[Column]) -> dict[str, str]:
    """Return the names in the file by our names."""
    lowered = [name.lower() for name in names]
    places: dict[str, str] = {}
    for column in columns:
        known = (column.name, *column.aliases)
        found = next((name for name in known if name in lowered), column.name)
        count = lowered.count(found)
        if count == 1:
            places[column.name] = names[lowered.index(found)]
        elif count or column.required:
            needed = ", ".join(other.name for other in columns if other.required)
            raise LocalDataError(f"{path} lacks a column {' or '.join(known)}; it needs {needed}, each once")
    return places


def _require_kind(path: Path, column: Column, found: "DataType") -> None:
    import pyarrow as pa  # noqa: PLC0415 - see open_table

    fits: dict[Kind, Callable[[DataType], bool]] = {
        "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "date": lambda kind: pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None),
        "number": lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
    }
    plain = found.value_type if pa.types.is_dictionary(found) else found
    if not (fits[column.kind](plain) or pa.types.is_null(plain)):
        raise LocalDataError(f"{path}: column {column.name} must hold a {column.kind} in each row; it is {found}")
