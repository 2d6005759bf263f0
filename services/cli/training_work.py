"""Parts of a training that are kept until it ends: begun again on the same rows, it goes on where it was."""

import hashlib
import inspect
import json
import shutil
from pathlib import Path
from typing import Final, Self

import numpy as np

from services.inference import boosting, labels, leaks, ridge, walk, walk_forward
from services.inference.keep import Make
from services.inference.training_set import TrainingSet
from services.market.errors import LocalDataError

DEFAULT_HOME: Final = Path("~/.local/share/technic")
MOST_KEPT: Final = 4
"""Works of trainings that never ended; beyond these the oldest leave."""
_DIGEST_BYTES: Final = 32


class Work:
    """A folder with the parts of one training; a part that is damaged is made anew.

    Args:
        folder: made with the first part.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __repr__(self) -> str:
        return f"Work({self._folder})"

    @classmethod
    def open(cls, home: Path, rows: TrainingSet, horizon: int) -> Self:
        """Return the work on some rows, begun before or not; forget the oldest works that never ended."""
        folder = home / "training" / fingerprint(rows, horizon)
        if folder.parent.is_dir() and not folder.exists():
            others = sorted((it for it in folder.parent.iterdir() if it.is_dir()), key=lambda it: it.stat().st_mtime)
            for old in others[: max(len(others) + 1 - MOST_KEPT, 0)]:
                shutil.rmtree(old, ignore_errors=True)
        return cls(folder)

    def keep(self, name: str, make: Make) -> bytes:
        """Return the part of a name, or make it and keep it.

        Raises:
            LocalDataError: the folder cannot be read or written to.
        """
        content = self._read(name)
        if content is None:
            content = make()
            self._write(name, content)
        return content

    def drop(self) -> None:
        """Forget the work: what it was for is done."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self, name: str) -> bytes | None:
        """Return a part, or None if it is not there or damaged."""
        path = self._folder / name
        try:
            kept = path.read_bytes() if path.is_file() else b""
        except OSError as error:
            raise LocalDataError(f"{path} cannot be read: {error.strerror}") from None
        digest, content = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
        return content if hashlib.sha256(content).digest() == digest else None

    def _write(self, name: str, content: bytes) -> None:
        path, made = self._folder / name, self._folder / f".{name}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            made.write_bytes(hashlib.sha256(content).digest() + content)
            made.replace(path)
        except OSError as error:
            raise LocalDataError(f"{path} cannot be written: {error.strerror}") from None


def fingerprint(rows: TrainingSet, horizon: int) -> str:
    """Return a hex digest of all that the parts of a training depend on: rows, parameters, library and our own code."""
    digest = hashlib.sha256()
    for column in (rows.features, rows.positions, rows.symbols, rows.returns):
        digest.update(np.ascontiguousarray(column).data)
    facts = (horizon, rows.names, boosting.PARAMETERS, boosting.LIBRARY)
    digest.update(json.dumps(facts).encode())
    for module in (boosting, labels, leaks, ridge, walk, walk_forward):
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()[:32]
