"""Draws an evaluation for a terminal."""

import re
from collections.abc import Iterator
from typing import Final, TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.evaluation import CAVEATS, COST_BP, METHOD, NOT_TOLD, RatingReport, verdict
from services.cli.table import PLAIN_WIDTH
from services.cli.training_slices import LIQUID
from services.inference.appraise import Appraisal
from services.inference.estimates import Estimate

LEGEND: Final = (
    f"n: sessions; bp, net: highest less lowest tenth in basis points a period, before and after {COST_BP} a side; "
    "turned: share of the tenths that is replaced a period; > 20 M$, no style: Rank IC among names above 20 million "
    "USD a day, and without volatility, beta, momentum and dollar volume; *: the 95 % interval leaves out 0."
)
_NONE: Final = "-"


def print_tables(report: RatingReport, stream: TextIO) -> None:
    """Draw the tables: in colour and as wide as it is on a terminal, else plain and `PLAIN_WIDTH` wide."""
    if stream.isatty():
        console = Console(file=stream)
    else:
        console = Console(file=stream, width=PLAIN_WIDTH, force_terminal=False, color_system=None)
    console.print(Group(*_parts(report)), highlight=False)


def _parts(report: RatingReport) -> Iterator[RenderableType]:
    first, last = report.span()
    yield Text(f"{report.bars}: {len(report.sessions)} sessions, {first} to {last}", style="bold")
    for note in report.notes:
        yield Text(f"note: {note}", style="yellow")
    yield Text(report.summary())
    for horizon in report.horizons:
        yield _skills(report, horizon)
    for kind in ("year", "trend", "volatility"):
        yield _groups(report, kind)
    yield _tenths(report)
    yield Text(LEGEND)
    yield Text(f"Rows: {report.universe_rule}.")
    yield Text(METHOD)
    for caveat in CAVEATS:
        yield Text(f"- {caveat}")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _skills(report: RatingReport, horizon: int) -> Group:
    table = _table("n", "Rank IC [95 %]", "ICIR", "IC [95 %]", "bp, net", "t net", "turned", "> 20 M$", "no style")
    for name, found in report.results.items():
        if horizon in found:
            table.add_row(Text(name), *_skill_cells(found[horizon]))
    return Group(Text(f"\nreturns of {horizon} sessions", style="bold"), table)


def _skill_cells(appraisal: Appraisal) -> Iterator[Text]:
    skill, spread, liquid = appraisal.skill, appraisal.skill.spread, appraisal.slices[LIQUID]
    yield Text(str(skill.sessions))
    yield _interval(skill.rank_ic)
    yield Text(_short(skill.rank_ic.ratio, 2))
    yield _interval(skill.ic)
    yield Text(f"{spread.gross * 1e4:.0f}, {spread.net * 1e4:.0f}")
    yield Text(f"{spread.net_t:.1f}")
    yield Text(f"{spread.turnover:.0%}")
    yield _mean(liquid.rank_ic if liquid else None)
    yield _mean(appraisal.without_styles)


def _groups(report: RatingReport, kind: str) -> Group:
    horizon = report.main_horizon
    shown = {name: found[horizon].groups[kind] for name, found in report.results.items() if horizon in found}
    labels = sorted({label for groups in shown.values() for label in groups})
    title = f"Rank IC over {horizon} sessions by {kind} (sessions)"
    table = _table(*labels)
    for name, groups in shown.items():
        cells = []
        for label in labels:
            group = groups.get(label)
            few = "" if group is None else f"({group.sessions})"
            cells.append(Text.assemble(_mean(None if group is None else group.rank_ic), " ", few))
        table.add_row(Text(name), *cells)
    return Group(Text(title, style="bold"), table)


def _tenths(report: RatingReport) -> Group:
    horizon = report.main_horizon
    title = (
        f"tenths over {horizon} sessions, lowest to highest: return less that of all names, "
        f"after {COST_BP} bp a side, in bp"
    )
    table = _table(*map(str, range(1, 11)))
    for name, found in report.results.items():
        if horizon in found:
            tenths = found[horizon].tenths
            table.add_row(Text(name), *(Text(f"{it.net * 1e4:+.0f}" if it.periods else _NONE) for it in tenths))
    return Group(Text(title, style="bold"), table)


def _interval(value: Estimate) -> Text:
    return Text(f"{_short(value.mean)} [{_short(value.low)}, {_short(value.high)}]", _style(value))


def _mean(value: Estimate | None) -> Text:
    if value is None:
        return Text(_NONE)
    star = " " if verdict(value) == NOT_TOLD else "*"
    return Text(f"{_short(value.mean)}{star}", _style(value))


def _style(value: Estimate) -> str:
    if verdict(value) == NOT_TOLD:
        return ""
    return "bold green" if value.mean > 0 else "bold red"


def _short(value: float, digits: int = 3) -> str:
    """Write a number without a leading zero."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{digits}f}")
