"""Scored blocks and what the models said of them: kept by request, valid for one version of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from cachetools import LRUCache

if TYPE_CHECKING:
    from services.gateway.clients import ScoredBlock
    from services.gateway.models import Model
    from services.gateway.scored import Predictions


_SYMBOL_BYTES: Final = 160
"""What the name of a symbol takes, with its place in the request, and its outcome."""
_SCAN_BYTES: Final = 4_000
"""What a scan takes without any symbol."""


class ScoreRequest(NamedTuple):
    """What the scorer is asked for.

    Attributes:
        symbols: without duplicates, most liquid first.
        as_of: ISO date of the last session.
        include_running: whether as_of is the session that runs now.
        include_weekly: whether rows have factors over weeks.
    """

    symbols: tuple[str, ...]
    as_of: str
    include_running: bool
    include_weekly: bool


@dataclass(frozen=True, slots=True)
class Remembered:
    """Blocks as they came once.

    Attributes:
        version: the scorer's name for these rows.
        columns: version of the formula by column.
        blocks: in the order in which they came.
        models: those that were asked.
        predictions: what they said of the blocks.
    """

    version: str
    columns: dict[str, int]
    blocks: tuple[ScoredBlock, ...]
    models: tuple[Model, ...]
    predictions: Predictions

    @property
    def byte_count(self) -> int:
        """Bytes that it takes, about, with the request: each of its symbols has a row or an omission in a block."""
        rows = sum(len(block.symbols) for block in self.blocks)
        omissions = sum(len(block.omissions) for block in self.blocks)
        return 8 * rows * (len(self.columns) + len(self.models)) + _SYMBOL_BYTES * (rows + omissions) + _SCAN_BYTES

    def said_by(self, models: tuple[Model, ...]) -> bool:
        """Tell whether the predictions are what `models` would say again: the same files made them."""
        return models == self.models and all(model.sha256 for model in models)


class RememberedScans:
    """The blocks asked for last, within a bound in bytes; more than that is not kept."""

    def __init__(self, byte_limit: int) -> None:
        self._byte_limit = byte_limit
        self._kept: LRUCache[ScoreRequest, Remembered] = LRUCache(byte_limit, lambda kept: kept.byte_count)

    def __repr__(self) -> str:
        return f"RememberedScans({len(self._kept)})"

    def get(self, request: ScoreRequest) -> Remembered | None:
        """Return what came for a request the last time; the rows may have changed since."""
        return self._kept.get(request)

    def put(self, request: ScoreRequest, scan: Remembered) -> None:
        """Keep what came, in place of the time before."""
        self._kept.pop(request, None)
        if scan.byte_count <= self._byte_limit:
            self._kept[request] = scan
