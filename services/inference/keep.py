"""Keeping what takes long to make, so that a training that was broken off goes on where it was."""

from collections.abc import Callable

Make = Callable[[], bytes]
Keep = Callable[[str, Make], bytes]
"""Returns what was kept under a name, or makes it and keeps it."""
Say = Callable[[str], None]
"""Told what is being done."""


def make_anew(_: str, make: Make) -> bytes:
    """Keep nothing."""
    return make()
