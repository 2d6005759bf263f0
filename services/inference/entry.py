"""What is known of each version of each model: its card, and what is wrong with its files."""

from dataclasses import dataclass
from typing import TypeAlias

from services.inference.card import Card
from services.inference.version_folder import Stamp

UNLOADED = "unloaded on request"
GONE = "its folder is gone"


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a model.

    Attributes:
        name: of the model.
        version: of the model; empty for what is wrong with the folder of the model itself.
        card: the card of what is served; None if nothing can be.
        reason: what is wrong with the files; empty if they are in order.
        stamp: what the files looked like when they were read.
        served: whether it could be served at some time since the service started.
    """

    name: str
    version: str
    card: Card | None = None
    reason: str = ""
    stamp: Stamp = ()
    served: bool = False

    @property
    def ready(self) -> bool:
        """Whether it can be served, and its files are in order."""
        return self.card is not None and not self.reason

    @property
    def broken(self) -> bool:
        """Whether it should serve, and its files are not in order. One that was unloaded on request is not broken."""
        return self.reason not in ("", UNLOADED)


Entries: TypeAlias = dict[str, Entry]
"""The versions of a model, ascending; never empty."""


def default_entry(entries: Entries) -> Entry:
    """Return the newest version that can be served, else the newest."""
    newest_first = tuple(reversed(entries.values()))
    return next((entry for entry in newest_first if entry.card), newest_first[0])


def was_served(entries: Entries) -> bool:
    """Tell whether some version of a model could be served at some time."""
    return any(entry.served for entry in entries.values())
