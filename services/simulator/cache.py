"""The cache folder: a market's closes and splits, and finished bodies, so that a second start costs almost nothing.

Files are written beside their place and renamed into it; two simulators may share a folder. At most three markets are
kept.
"""

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from shutil import rmtree
from tempfile import NamedTemporaryFile
from typing import IO, Final

import numpy as np
import orjson

from services.simulator.market import Market, MarketSpec, generate, restore
from services.simulator.splits import SplitRow

_PREFIX: Final = "simulator-"
_KEPT: Final = 3
_CLOSES: Final = "closes.npy"
_SPLITS: Final = "splits.json"


class Folder:
    """The files of one market.

    Args:
        root: folder that holds a folder for every market.
        fingerprint: of the market.
    """

    def __init__(self, root: Path, fingerprint: str) -> None:
        self._path = root / f"{_PREFIX}{fingerprint}"

    def open(self) -> None:
        """Make the folder, mark it as the newest, and remove all but the three newest.

        Raises:
            OSError: the folder cannot be made.
        """
        self._path.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        others = [other for other in self._path.parent.glob(f"{_PREFIX}*") if other != self._path]
        for old in sorted(others, key=_age, reverse=True)[_KEPT - 1 :]:
            rmtree(old, ignore_errors=True)

    def read(self, name: str) -> bytes | None:
        """Return a file, or None if there is none."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Keep a file."""
        self._replace(name, lambda file: file.write(data))

    def market(self, spec: MarketSpec) -> Market:
        """Return the market of the folder, generated if it is not there yet."""
        kept = self._kept_market(spec)
        if kept is not None:
            return kept
        market = generate(spec)
        self._replace(_CLOSES, lambda file: np.save(file, market.closes))
        # The splits come last: where they are, the closes are.
        self.write(_SPLITS, orjson.dumps([astuple(row) for row in market.splits.rows]))
        return market

    def _kept_market(self, spec: MarketSpec) -> Market | None:
        try:
            rows = tuple(SplitRow(*row) for row in orjson.loads((self._path / _SPLITS).read_bytes()))
            closes = np.load(self._path / _CLOSES, mmap_mode="r")
            return restore(spec, closes, rows)
        except (FileNotFoundError, EOFError, ValueError):
            return None  # not there yet, or damaged by a crash

    def _replace(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        # Another simulator may have removed the folder as one of the older ones.
        self._path.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._path, prefix=f".{name}-", delete=False) as file:
            write(file)
        Path(file.name).replace(self._path / name)


def _age(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
