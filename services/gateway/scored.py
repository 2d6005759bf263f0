"""The blocks of a scan as they come, and all of them together in symbol order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from services.gateway.ranking import Candidates
from services.gateway.universe import Attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from services.gateway.clients import ScoredBlock


class Scored:
    """Collects factor blocks in the order in which they come, which is the order of the alphas too."""

    def __init__(self) -> None:
        self._blocks: list[ScoredBlock] = []

    def __repr__(self) -> str:
        return f"Scored({len(self._blocks)} blocks)"

    def add(self, block: ScoredBlock) -> None:
        """Keep a block."""
        self._blocks.append(block)

    def candidates(
        self, names: tuple[str, ...], attributes: Mapping[str, Attributes], alphas: Mapping[str, NDArray[np.float64]]
    ) -> Candidates:
        """Put all blocks together, in symbol order, so that results do not depend on who came first.

        Args:
            names: columns of the blocks, needed when there is no block.
            attributes: by symbol; one that is absent is unknown.
            alphas: by role, (symbol,) float64 in the order of the blocks.
        """
        symbols = [symbol for block in self._blocks for symbol in block.symbols]
        order = np.array(sorted(range(len(symbols)), key=symbols.__getitem__), np.int64)
        known = [attributes.get(symbols[n], Attributes()) for n in order]
        empty = [np.empty(0)]
        columns = {
            name: np.concatenate(empty + [block.columns[name] for block in self._blocks])[order] for name in names
        }
        flags = np.concatenate([np.empty(0, np.uint32), *(block.flags for block in self._blocks)])[order]
        return Candidates(
            symbols=tuple(symbols[n] for n in order),
            types=np.array([it.type for it in known], np.int64),
            market_caps=np.array([it.market_cap for it in known], np.float64),
            columns=columns,
            flags=flags,
            alphas={role: values[order] for role, values in alphas.items()},
        )
