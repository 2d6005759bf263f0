"""Writes raw bars and splits to files that this library reads: Parquet, or CSV that may be gzipped, by the suffix."""

import gzip
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from services.files.place import replacing
from services.files.table import CSV_SUFFIXES, SUFFIXES
from services.market.adjust import Split
from services.market.errors import LocalDataError
from services.market.panel import FIELDS
from services.market.sessions import from_day_number, to_day_number

if TYPE_CHECKING:
    from pyarrow import Schema, Table

WriteSession = Callable[[date, Sequence[str], NDArray[np.float64]], None]
"""Writes a session: its date, its symbols, and their bars (field, bar) float64, raw."""


def suffix_of(path: Path) -> str:
    """Return how the name of a file of bars ends.

    Raises:
        LocalDataError: as none that can be written.
    """
    found = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), None)
    if found is None:
        raise LocalDataError(f"{path} does not say what it is: end its name in {', '.join(SUFFIXES)}")
    return found


def splits_beside(path: Path) -> Path:
    """Return the file of the splits that go with a file, or a folder, of raw bars: NAME.splits.parquet."""
    if path.is_dir():
        return path / "splits.parquet"
    suffix = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), ".parquet")
    return path.with_name(f"{path.name.removesuffix(suffix)}.splits{suffix}")


@contextmanager
def writing_bars(path: Path) -> Iterator[WriteSession]:
    """Write sessions, in the order in which they are given, with the columns symbol, date and the fields of a bar.

    The file is there once the block is done, and not at all if it fails.

    Raises:
        LocalDataError: the file cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415 - see open_table

    numbers = [(name, pa.float64()) for name in FIELDS]
    schema = pa.schema([("symbol", pa.string()), ("date", pa.date32()), *numbers])
    with _writing(path, schema) as write:

        def session(day: date, symbols: Sequence[str], bars: NDArray[np.float64]) -> None:
            days = pa.array(np.full(len(symbols), to_day_number(day), np.int32)).view(pa.date32())
            columns = [pa.array(symbols, pa.string()), days, *(pa.array(field) for field in bars)]
            write(pa.Table.from_arrays(columns, schema=schema))

        yield session


def write_splits(path: Path, splits: Collection[Split]) -> None:
    """Write splits: symbol, date, ratio (new shares per old one), and what it is made of, ratio_from and ratio_to.

    Raises:
        LocalDataError: the file cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415 - see open_table

    numbers = [(name, pa.float64()) for name in ("ratio", "ratio_from", "ratio_to")]
    schema = pa.schema([("symbol", pa.string()), ("date", pa.date32()), *numbers])
    rows = [
        (s.symbol, from_day_number(s.session_day), s.ratio_to / s.ratio_from, s.ratio_from, s.ratio_to) for s in splits
    ]
    columns = [[row[place] for row in rows] for place in range(len(schema))]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    with _writing(path, schema) as write:
        write(pa.Table.from_arrays(arrays, schema=schema))


@contextmanager
def _writing(path: Path, schema: "Schema") -> Iterator[Callable[["Table"], None]]:
    """Write tables to a file beside the one that is meant, which takes its place in the end."""
    suffix = suffix_of(path)
    with replacing(path, suffix) as unfinished, ExitStack() as stack:
        writer: Any = stack.enter_context(_writer(unfinished, suffix, schema, stack))
        yield writer.write_table


def _writer(path: Path, suffix: str, schema: "Schema", stack: ExitStack) -> Any:  # noqa: ANN401 - pyarrow's writers
    if suffix not in CSV_SUFFIXES:
        from pyarrow.parquet import ParquetWriter  # noqa: PLC0415 - see open_table

        return ParquetWriter(path, schema, use_dictionary=["symbol", "date"], compression="zstd")
    from pyarrow.csv import CSVWriter  # noqa: PLC0415 - see open_table

    opened = gzip.open if suffix.endswith(".gz") else open
    return CSVWriter(stack.enter_context(opened(path, "wb")), schema)
