"""Scorings of bars that may not have changed: kept by request, valid for one version of the bars."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from cachetools import LRUCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from services.scorer.block import ScoredBlock

_SYMBOL_BYTES: Final = 160
"""What the name of a symbol takes, with its place in the request, and its outcome."""
_SCORING_BYTES: Final = 4_000
"""What a scoring takes without any symbol."""


class ScoreRequest(NamedTuple):
    """What is to be scored.

    Attributes:
        symbols: without duplicates, in the order in which rows go out.
        as_of: ISO date of the last session; empty for the newest completed one.
        include_running: whether as_of may be the session that runs now, whose bars are provisional.
        include_weekly: whether rows have the weekly factors, too.
    """

    symbols: tuple[str, ...]
    as_of: str
    include_running: bool = False
    include_weekly: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """Blocks as they were scored once.

    Attributes:
        version: the fetcher's name for the bars that they were made from.
        blocks: in their order.
        context: carried closes of the context ETFs, (session,) float64, USD, by symbol.
    """

    version: str
    blocks: tuple[ScoredBlock, ...]
    context: dict[str, NDArray[np.float64]]

    @property
    def byte_count(self) -> int:
        """Bytes that it takes, about, with the request: each of its symbols has a row or an omission in a block."""
        values = sum(block.values.nbytes for block in self.blocks)
        values += sum(closes.nbytes for closes in self.context.values())
        symbols = sum(len(block.symbols) + len(block.omissions) for block in self.blocks)
        return values + _SYMBOL_BYTES * symbols + _SCORING_BYTES


class RememberedScorings:
    """The scorings asked for last, within a bound in bytes; a larger one is not kept."""

    def __init__(self, byte_limit: int) -> None:
        self._start = secrets.token_hex(8)
        self.byte_limit = byte_limit
        self._kept: LRUCache[ScoreRequest, Remembered] = LRUCache(byte_limit, lambda kept: kept.byte_count)

    def __repr__(self) -> str:
        return f"RememberedScorings({len(self._kept)})"

    def get(self, request: ScoreRequest) -> Remembered | None:
        """Return the last scoring of a request; its bars may have changed since."""
        return self._kept.get(request)

    def name(self, scoring: Remembered) -> str:
        """Return the version of a scoring's rows: of these bars, by this process, whose formulas may be its own."""
        return f"{self._start}/{scoring.version}"

    def put(self, request: ScoreRequest, scoring: Remembered) -> None:
        """Keep a scoring in place of the one before."""
        self._kept.pop(request, None)
        if scoring.byte_count <= self.byte_limit:
            self._kept[request] = scoring
