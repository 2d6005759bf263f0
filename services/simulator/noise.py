"""Noise that can be read at any (session, column) without drawing what lies before it.

A day of the whole market and the whole history of one symbol must show the same bars, and neither may cost the other.
So what is not a running sum comes from a hash of its coordinates instead of a generator's stream.
Source of the mixing function: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014), splitmix64.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.simulator.portable import gridded

_GOLDEN: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1
_CENTRES: Final = (np.arange(1 << 16) + 0.5) / (1 << 16)


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Independent draws, each (session, column).

    Args:
        gap: standard normal, float32.
        activity: standard normal, float32.
        upper: exponential with mean 1, float32.
        lower: exponential with mean 1, float32.
        dice: uniform over 0..65535, uint16.
    """

    gap: NDArray[np.float32]
    activity: NDArray[np.float32]
    upper: NDArray[np.float32]
    lower: NDArray[np.float32]
    dice: NDArray[np.uint16]


def noise_at(seed: int, sessions: NDArray[np.int64], columns: NDArray[np.int64]) -> Noise:
    """Return the noise of a grid, given the positions along both of its axes."""
    key = sessions.astype(np.uint64)[:, None] << np.uint64(32) | columns.astype(np.uint64)[None, :]
    bits = _mixed(key * np.uint64(_GOLDEN) + np.uint64((seed + 1) * _GOLDEN & _MASK))
    fields = bits.view(np.uint16).reshape(*bits.shape, 4)
    radius = np.sqrt(2 * _exponential[fields[..., 0]])
    angle = fields[..., 1]
    return Noise(
        gap=radius * _cosine[angle],
        activity=radius * _sine[angle],
        upper=_exponential[fields[..., 2]],
        lower=_exponential[fields[..., 3]],
        dice=(bits * np.uint64(_GOLDEN) >> np.uint64(48)).astype(np.uint16),
    )


def _mixed(key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    key ^= key >> np.uint64(30)
    key *= np.uint64(0xBF58476D1CE4E5B9)
    key ^= key >> np.uint64(27)
    key *= np.uint64(0x94D049BB133111EB)
    key ^= key >> np.uint64(31)
    return key


# On a grid, since logs and cosines differ in the last bit between C libraries: no entry lies near a tie of it.
_exponential: Final = gridded(-np.log(_CENTRES)).astype(np.float32)
_cosine: Final = gridded(np.cos(2 * np.pi * _CENTRES)).astype(np.float32)
_sine: Final = gridded(np.sin(2 * np.pi * _CENTRES)).astype(np.float32)
