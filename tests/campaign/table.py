"""A row of the campaign's table, and the table as Markdown."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Row:
    """What was tried how often, how it went, and what was promised.

    Attributes:
        what: was tried.
        unit: of `values`.
        values: one a run; never empty.
        promise: in words.
        ok: whether it was kept.
        note: what else is to be said.
    """

    what: str
    unit: str
    values: tuple[float, ...]
    promise: str
    ok: bool
    note: str = ""

    @classmethod
    def within(cls, what: str, unit: str, values: Sequence[float], limit: float, note: str, *, fine: bool) -> Self:
        """Return the row of a promise that the 99th percentile stays within a limit; `fine` is all else of it."""
        return cls(what, unit, tuple(values), f"p99 <= {limit:g}", fine and percentile(values, 0.99) <= limit, note)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the smallest value that at least a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def tally(kinds: Iterable[str]) -> str:
    """Say how often each kind came, the most frequent first."""
    return ", ".join(f"{count:,} {kind}" for kind, count in Counter(kinds).most_common())


def to_markdown(rows: Sequence[Row]) -> str:
    """Return the table."""
    lines = [
        "| what | unit | runs | p50 | p99 | worst | promise | ok | what came |",
        "| --- | --- | " + "---: | " * 6 + "--- |",
    ]
    for row in rows:
        figures = (statistics.median(row.values), percentile(row.values, 0.99), max(row.values))
        shown = " | ".join(f"{figure:.3g}" for figure in figures)
        ok = "yes" if row.ok else "**no**"
        lines.append(f"| {row.what} | {row.unit} | {len(row.values):,} | {shown} | {row.promise} | {ok} | {row.note} |")
    return "\n".join(lines)
