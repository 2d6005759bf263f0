"""A measured figure, and many of them as a Markdown table and as JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, beside what it is judged by; all numbers are in `unit`.

    Attributes:
        name: of the row, "group: what".
        unit: s, CPU s, ms, MB, calls, %, x.
        values: one a run; never empty.
        floor: what cannot be beaten, measured in the same run.
        target: what the median should be at most (at least, if `rising`); absolute, so it is shown, not enforced.
        limit: what the median must be at most (at least, if `rising`): a ratio to a floor or to another row of the
            same run, or a count, so that it holds on any machine; None for no gate.
        rising: whether more is better.
        peer: the same thing done the predecessor's way, or the usual one, in the same run.
        note: how to read the row.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    floor: float | None = None
    target: float | None = None
    limit: float | None = None
    rising: bool = False
    peer: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.name} was never measured")

    @property
    def median(self) -> float:
        """Median of the runs."""
        return statistics.median(self.values)

    @property
    def ok(self) -> bool | None:
        """Whether the gate holds; None without a gate."""
        if self.limit is None:
            return None
        return self.median >= self.limit if self.rising else self.median <= self.limit

    def to_dict(self) -> dict[str, object]:
        """Return the figure as it stands in the JSON file."""
        return {
            "name": self.name,
            "unit": self.unit,
            "n": len(self.values),
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "floor": self.floor,
            "target": self.target,
            "limit": self.limit,
            "ok": self.ok,
            "peer": self.peer,
            "note": self.note,
        }


def to_json(figures: Sequence[Figure]) -> str:
    """Write figures as a JSON list, one object a row."""
    return "[\n" + ",\n".join(json.dumps(figure.to_dict(), allow_nan=False) for figure in figures) + "\n]\n"


def to_markdown(figures: Sequence[Figure]) -> str:
    """Write figures as a Markdown table."""
    head = ("what", "unit", "n", "median", "min", "max", "floor", "target", "gate", "ok", "peer", "note")
    lines = [head, tuple("---" if name in ("what", "unit", "note") else "---:" for name in head)]
    lines += [_cells(figure) for figure in figures]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(figure: Figure) -> tuple[str, ...]:
    numbers = (figure.median, min(figure.values), max(figure.values), figure.floor)
    bound = ">=" if figure.rising else "<="
    return (
        figure.name,
        figure.unit,
        str(len(figure.values)),
        *map(_number, numbers),
        "" if figure.target is None else f"{bound} {_number(figure.target)}",
        "" if figure.limit is None else f"{bound} {_number(figure.limit)}",
        {None: "", True: "yes", False: "**no**"}[figure.ok],
        _number(figure.peer),
        figure.note,
    )


def _number(value: float | None) -> str:
    """Write three significant digits, and whole numbers in full; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"
