"""The blocks of a scan as they come, and all of them together in symbol order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from services.gateway.candidates import Candidates
from services.gateway.universe import Attributes
from services.market.vocabulary import Flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from services.gateway.clients import ScoredBlock


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the models said of all blocks, in the order in which those came.

    Attributes:
        alphas: predicted return by role, (symbol,) float64, fractions; empty without models.
        outliers: by role, (symbol,) bool, true where the model says that the row is unlike what it learned from; models
            that do not tell are absent.
    """

    alphas: Mapping[str, NDArray[np.float64]]
    outliers: Mapping[str, NDArray[np.bool_]]

    def first(self, row_count: int) -> Predictions:
        """Return what was said of the first rows."""
        if all(len(values) == row_count for values in self.alphas.values()):
            return self
        return Predictions(
            {role: values[:row_count] for role, values in self.alphas.items()},
            {role: values[:row_count] for role, values in self.outliers.items()},
        )

    def then(self, later: Predictions) -> Predictions:
        """Return what was said of these rows and, behind them, of some more by the same models, or of none."""
        if not later.alphas:
            return self
        return Predictions(
            {role: np.concatenate([values, later.alphas[role]]) for role, values in self.alphas.items()},
            {role: np.concatenate([values, later.outliers[role]]) for role, values in self.outliers.items()},
        )


NOTHING = Predictions({}, {})
"""What is said without models."""


class Scored:
    """Collects factor blocks in the order in which they come, which is the order of the alphas too.

    Attributes:
        blocks: those so far.
    """

    def __init__(self, blocks: Iterable[ScoredBlock] = ()) -> None:
        self.blocks = list(blocks)

    def __repr__(self) -> str:
        return f"Scored({len(self.blocks)} blocks)"

    def __len__(self) -> int:
        return len(self.blocks)

    def add(self, block: ScoredBlock) -> None:
        """Keep a block."""
        self.blocks.append(block)

    def with_rows(self) -> tuple[ScoredBlock, ...]:
        """Return the blocks that have a row; the others tell of omissions only."""
        return tuple(block for block in self.blocks if block.symbols)

    def candidates(
        self, names: tuple[str, ...], attributes: Mapping[str, Attributes], predictions: Predictions
    ) -> Candidates:
        """Put all blocks together, in symbol order, so that results do not depend on who came first.

        Args:
            names: columns to take out of the blocks, each once; empty ones if there is no block.
            attributes: by symbol; one that is absent is unknown.
            predictions: a symbol that is an outlier to any of the models is flagged OUT_OF_DISTRIBUTION.
        """
        symbols = [symbol for block in self.blocks for symbol in block.symbols]
        places = sorted(range(len(symbols)), key=symbols.__getitem__)
        ordered = tuple(symbols[n] for n in places)
        order = np.array(places, np.int64)
        unknown = Attributes()
        known = [attributes.get(symbol, unknown) for symbol in ordered]
        empty = [np.empty(0)]
        columns = {
            name: np.concatenate(empty + [block.columns[name] for block in self.blocks])[order] for name in names
        }
        flags = np.concatenate([np.empty(0, np.uint32), *(block.flags for block in self.blocks)])[order]
        for outliers in predictions.outliers.values():
            flags[outliers[order]] |= np.uint32(Flag.OUT_OF_DISTRIBUTION)
        return Candidates(
            symbols=ordered,
            types=np.array([it.type for it in known], np.int64),
            market_caps=np.array([it.market_cap for it in known], np.float64),
            columns=columns,
            flags=flags,
            alphas={role: values[order] for role, values in predictions.alphas.items()},
            exchanges=tuple(it.exchange for it in known),
            sectors=tuple(it.sector for it in known),
            industries=tuple(it.industry for it in known),
        )
