"""Writes a table of rows to a Parquet file, with texts about it as the file's metadata."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from services.files.place import replacing
from services.market.errors import LocalDataError

if TYPE_CHECKING:
    from pyarrow import DataType

Kind = Literal["text", "number", "integer", "truth"]


def write_rows(path: Path, columns: Mapping[str, tuple[Kind, Sequence[Any]]], metadata: Mapping[str, str]) -> None:
    """Write columns, in their order; the file is there once it is whole.

    Args:
        path: of the file; its folder is made.
        columns: kind and values by name, of equal length; None is null.
        metadata: key-value metadata of the file.

    Raises:
        LocalDataError: pyarrow is absent, or the file cannot be written.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - 0.1 s and 100 MB that only local files need
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise LocalDataError("writing Parquet needs pyarrow: install technic[files]") from error
    types: dict[Kind, DataType] = {
        "text": pa.string(),
        "number": pa.float64(),
        "integer": pa.int64(),
        "truth": pa.bool_(),
    }
    arrays = [pa.array(values, types[kind]) for kind, values in columns.values()]
    schema = pa.schema([(name, types[kind]) for name, (kind, _) in columns.items()], metadata)
    with replacing(path) as unfinished:
        parquet.write_table(pa.Table.from_arrays(arrays, schema=schema), unfinished, compression="zstd")
