"""A symbol that an answer lacks, and why."""

from typing import NamedTuple

from services.market.vocabulary import Reason


class Omission(NamedTuple):
    """A symbol left out. A tuple and no dataclass: a profile makes thousands of them.

    Attributes:
        symbol: as requested.
        reason: the first that was found.
        value: the number that failed a filter; bars that there are, of TOO_LITTLE_HISTORY; sessions since the last bar,
            of STALE_DATA; or None.
        filter: name of what failed; empty if no filter did.
        attribute: the text that failed a filter, or empty.
        close: the last one, USD, of a symbol that has bars, or None.
    """

    symbol: str
    reason: Reason
    value: float | None = None
    filter: str = ""
    attribute: str = ""
    close: float | None = None
