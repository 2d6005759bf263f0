"""Which sessions a model learns from and which it predicts: earlier ones and later ones, with a gap between."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.market.errors import LocalDataError

BLOCKS = 6
TEST_SHARE = 2 / 3
"""Share of the sessions, the last ones, that are predicted."""
FEWEST_SESSIONS = 24
LATER_SHARE = 0.2
"""Share of the sessions that a model learns from, the last ones, on which the number of rounds is found."""


@dataclass(frozen=True, slots=True)
class Block:
    """A step of the walk, in positions of sessions: train on rows before `train_end`, predict `begin` to `end`."""

    train_end: int
    begin: int
    end: int


def plan_blocks(sessions: NDArray[np.int64], horizon: int) -> tuple[Block, ...]:
    """Cut the last two thirds of the sessions into blocks.

    A row's label reaches `horizon` sessions ahead. It may not reach into the block (purge), and as many sessions again
    are left out (embargo): training ends 2 x horizon sessions before the block begins.

    Args:
        sessions: positions of the sessions that have rows, ascending.
        horizon: sessions that a label looks ahead.

    Raises:
        LocalDataError: too few sessions, or nothing to train the first block on.
    """
    if len(sessions) < FEWEST_SESSIONS:
        raise LocalDataError(
            f"{len(sessions)} sessions can be learned from, every 5th after 252 of warm-up; "
            f"it takes at least {FEWEST_SESSIONS}: give bars of more than a year and a half"
        )
    tested = np.array_split(sessions[-round(len(sessions) * TEST_SHARE) :], BLOCKS)
    blocks = tuple(Block(int(part[0]) - 2 * horizon + 1, int(part[0]), int(part[-1]) + 1) for part in tested)
    if sessions[1] >= blocks[0].train_end:
        raise LocalDataError(f"a horizon of {horizon} sessions leaves too few sessions to learn from")
    return blocks


def masks(
    positions: NDArray[np.int64], blocks: tuple[Block, ...]
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Give the rows to train on and those to predict, (row,) bool each, of every block."""
    for block in blocks:
        yield positions < block.train_end, (positions >= block.begin) & (positions < block.end)


def split(positions: NDArray[np.int64], horizon: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Split rows to learn from: (row,) bool each, those of the last fifth of the sessions, and those to fit before.

    A label of the first may not reach into the second: sessions nearer to them than the horizon belong to neither.

    Raises:
        LocalDataError: nothing is left to fit.
    """
    sessions = np.unique(positions)
    later = sessions[-max(round(len(sessions) * LATER_SHARE), 1)]
    if sessions[0] > later - horizon:
        raise LocalDataError(f"a horizon of {horizon} sessions leaves too few sessions to learn from")
    return positions <= later - horizon, positions >= later
