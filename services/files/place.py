"""Puts a file in its place once it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.market.errors import LocalDataError


@contextmanager
def replacing(path: Path, suffix: str = "") -> Iterator[Path]:
    """Give the path of an unfinished file beside `path`, which takes its place in the end, and leaves if it fails.

    Args:
        path: of the file; its folder is made.
        suffix: how the name of the unfinished file ends.

    Raises:
        LocalDataError: the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished{suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield unfinished
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise LocalDataError(f"{path} cannot be written: {error}") from error
