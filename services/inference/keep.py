"""Keeping what takes long to make, so that a training that was broken off goes on where it was."""

from collections.abc import Callable
from typing import Protocol

Make = Callable[[], bytes]
Keep = Callable[[str, Make], bytes]
"""Returns what was kept under a name, or makes it and keeps it."""


class Say(Protocol):
    """Told what is being done."""

    def __call__(self, text: str, done: int = 0, total: int = 0) -> None:
        """Hear of a step: how many steps of its kind are done, of how many; 0 of 0 where nobody knows."""


def make_anew(_: str, make: Make) -> bytes:
    """Keep nothing."""
    return make()
