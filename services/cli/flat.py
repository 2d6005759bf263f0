"""The rows of a scan as a flat table, for files that hold nothing else. Pure."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from services.cli.answer import Row, ScanReport
from services.files.rows import Kind


class Field(NamedTuple):
    """A column: what it is called, what it holds, and how it is read of a row; None where that is not known."""

    name: str
    kind: Kind
    value: Callable[[Row], Any]


_FIELDS: Final = (
    Field("rank", "integer", lambda row: row.rank),
    Field("symbol", "text", lambda row: row.symbol),
    Field("name", "text", lambda row: row.name or None),
    Field("type", "text", lambda row: row.type),
    Field("sector", "text", lambda row: row.sector or None),
    Field("score", "number", lambda row: row.score),
    Field("tech_rating", "number", lambda row: row.tech_rating),
    Field("signal", "text", lambda row: row.signal),
    Field("alpha_5", "number", lambda row: row.alpha_5),
    Field("alpha_10", "number", lambda row: row.alpha_10),
    Field("close", "number", lambda row: row.close),
    Field("market_cap", "number", lambda row: row.market_cap),
    Field("flags", "text", lambda row: " ".join(row.flags)),
)
_PLAN: Final[tuple[tuple[str, Kind], ...]] = (
    ("entry", "number"),
    ("stop", "number"),
    ("target", "number"),
    ("shares", "integer"),
    ("share_cap", "text"),
    ("no_plan", "text"),
)


def fields_of(report: ScanReport) -> tuple[Field, ...]:
    """Return the columns that a report's rows have: those of every row, then sub-scores and factors, then plans."""
    rows = (*report.rows, *report.shorts)
    factors = dict.fromkeys(name for row in rows for name in row.factors)
    fields = [*_FIELDS, *(Field(name, "number", _factor(name)) for name in factors)]
    if report.plan_terms is not None:
        fields += [Field(name, kind, _plan(name)) for name, kind in _PLAN]
    return tuple(fields)


def columns_of(report: ScanReport) -> dict[str, tuple[Kind, Sequence[Any]]]:
    """Return kind and values by name of column; the first one, `short`, tells which list a row is of."""
    rows = tuple(_listed(report))
    columns: dict[str, tuple[Kind, Sequence[Any]]] = {"short": ("truth", [short for short, _ in rows])}
    for field in fields_of(report):
        columns[field.name] = (field.kind, [_known(field.value(row)) for _, row in rows])
    return columns


def _listed(report: ScanReport) -> Iterator[tuple[bool, Row]]:
    yield from ((False, row) for row in report.rows)
    yield from ((True, row) for row in report.shorts)


def _factor(name: str) -> Callable[[Row], Any]:
    return lambda row: row.factors.get(name)


def _plan(name: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row.plan, name)


def _known(value: Any) -> Any:  # noqa: ANN401  # a text, a number or None
    """Return None for a number that is not known."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
