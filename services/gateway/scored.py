"""The blocks of a scan as they come, and all of them together in symbol order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from services.gateway.candidates import Candidates
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

    def __len__(self) -> int:
        return len(self._blocks)

    def add(self, block: ScoredBlock) -> None:
        """Keep a block."""
        self._blocks.append(block)

    def candidates(
        self, names: tuple[str, ...], attributes: Mapping[str, Attributes], alphas: Mapping[str, NDArray[np.float64]]
    ) -> Candidates:
        """Put all blocks together, in symbol order, so that results do not depend on who came first.

        Args:
            names: columns to take out of the blocks, each once; empty ones if there is no block.
            attributes: by symbol; one that is absent is unknown.
            alphas: by role, (symbol,) float64 in the order of the blocks.
        """
        symbols = [symbol for block in self._blocks for symbol in block.symbols]
        places = sorted(range(len(symbols)), key=symbols.__getitem__)
        ordered = tuple(symbols[n] for n in places)
        order = np.array(places, np.int64)
        unknown = Attributes()
        known = [attributes.get(symbol, unknown) for symbol in ordered]
        empty = [np.empty(0)]
        columns = {
            name: np.concatenate(empty + [block.columns[name] for block in self._blocks])[order] for name in names
        }
        flags = np.concatenate([np.empty(0, np.uint32), *(block.flags for block in self._blocks)])[order]
        return Candidates(
            symbols=ordered,
            types=np.array([it.type for it in known], np.int64),
            market_caps=np.array([it.market_cap for it in known], np.float64),
            columns=columns,
            flags=flags,
            alphas={role: values[order] for role, values in alphas.items()},
            exchanges=tuple(it.exchange for it in known),
            sectors=tuple(it.sector for it in known),
            industries=tuple(it.industry for it in known),
        )
