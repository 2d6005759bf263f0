"""What was sent: blocks that would be the same as somebody has them already need not be sent again."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.fetcher.window import Window

SENT_LIMIT: Final = 8
"""Streams remembered, those asked for last: universes and windows that are asked for in turn."""


class Inputs(NamedTuple):
    """All that the blocks of a stream are made from: equal inputs give equal blocks, bit for bit.

    Attributes:
        symbols: in the order asked for.
        window: its sessions and what is laid over them; none of them running.
        rows: (session,) the number of the row that the cache has of each session.
    """

    symbols: tuple[str, ...]
    window: Window
    rows: tuple[int, ...]


class Sent(NamedTuple):
    """Blocks that went out: their version, what they were made from, and the symbols without any bar."""

    version: str
    inputs: Inputs
    lacking: tuple[str, ...]


class SentBlocks:
    """Remembers what the last streams were made from, under a version each.

    A version is a name and no digest: what it stands for is compared itself, so that nothing can collide, and it means
    nothing to another process.
    """

    def __init__(self) -> None:
        self._start = secrets.token_hex(8)
        self._count = 0
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    def __repr__(self) -> str:
        return f"SentBlocks({len(self._sent)} versions)"

    def find(self, inputs: Inputs) -> Sent | None:
        """Return what was made from the same; None if that is not remembered."""
        found = next((sent for sent in self._sent.values() if sent.inputs == inputs), None)
        if found is not None:
            self._sent.move_to_end(found.version)
        return found

    def add(self, inputs: Inputs, lacking: Sequence[str]) -> Sent:
        """Remember blocks that went out, under a new version."""
        self._count += 1
        sent = Sent(f"{self._start}-{self._count}", inputs, tuple(lacking))
        self._sent[sent.version] = sent
        if len(self._sent) > SENT_LIMIT:
            self._sent.popitem(last=False)
        return sent
