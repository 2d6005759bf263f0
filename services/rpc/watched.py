"""What a few small files say, read again when they change: how tokens and certificates rotate without a restart."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from services.market.errors import LocalDataError

LOOK_S: Final = 1.0
"""Seconds between two looks at files that are in use."""
SIZE_LIMIT: Final = 1024 * 1024
"""Most bytes of such a file."""

T = TypeVar("T")
_Stamp = tuple[tuple[int, int, int] | None, ...]


class Watched(Generic[T]):
    """What `read` makes of files; a change that it cannot use is logged once, and what was good before stays.

    Args:
        paths: the files.
        read: reads them, and raises LocalDataError if they are of no use.
        clock: seconds, for the time between two looks.

    Raises:
        LocalDataError: they are of no use at the start.
    """

    def __init__(
        self, paths: Sequence[Path], read: Callable[[], T], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._paths = tuple(paths)
        self._read = read
        self._clock = clock
        self._stamp = _stamp(self._paths)
        self._value = read()
        self._looked = clock()

    def __repr__(self) -> str:
        return f"Watched({', '.join(map(str, self._paths))})"

    def __call__(self) -> T:
        """Return what the files say."""
        now = self._clock()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._look()
        return self._value

    def _look(self) -> None:
        stamp = _stamp(self._paths)
        if stamp == self._stamp:
            return
        files = [str(path) for path in self._paths]
        try:
            value = self._read()
        except LocalDataError as error:
            self._stamp = stamp
            structlog.get_logger().error("access_file_unusable", files=files, error=error.message, kept="the last one")
            return
        # Where files changed again while they were read, the next look reads them again.
        self._stamp = stamp
        self._value = value
        structlog.get_logger().info("access_file_read", files=files)


def read_small(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        LocalDataError: it cannot be read, or is too large to be what it should be.
    """
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise LocalDataError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > SIZE_LIMIT:
        raise LocalDataError(f"{path} is larger than {SIZE_LIMIT} bytes: is it the right file?")
    return content


def _stamp(paths: Sequence[Path]) -> _Stamp:
    """Return what changes when a file does: when it was written, its size, which file it is; None for one not there."""
    return tuple(_stamp_of(path) for path in paths)


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
