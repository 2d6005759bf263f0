"""Draws the report of a scan for people: the ranked table, then what was done and what was left out."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.answer import Row, ScanReport
from services.cli.sparkline import RETURNS, draw_year
from services.market.trading import DEFAULT_PROFILE, DEFAULT_STYLE
from services.market.vocabulary import Flag

SIMULATED_LABEL: Final = "SIMULATED MARKET - not real prices"
PROVISIONAL_LABEL: Final = "running session, provisional"
PLAIN_WIDTH: Final = 120
"""Characters a line where there is no terminal."""

_SIGNAL_STYLES: Final = {
    "STRONG_LONG": "bold green",
    "LONG": "green",
    "SHORT": "red",
    "STRONG_SHORT": "bold red",
}
_ROOMY: Final = 120
_NONE: Final = "-"


def print_report(report: ScanReport, stream: TextIO, factors: Sequence[str] = ()) -> None:
    """Draw the report: in colour and as wide as it is on a terminal, else plain and `PLAIN_WIDTH` wide."""
    if stream.isatty():
        console = Console(file=stream)
    else:
        console = Console(file=stream, width=PLAIN_WIDTH, force_terminal=False, color_system=None)
    console.print(draw(report, factors, roomy=console.width >= _ROOMY))


def draw(report: ScanReport, factors: Sequence[str] = (), *, roomy: bool) -> RenderableType:
    """Return what is to be printed; without room, or beside factors and plans, some columns stay away."""
    columns = _columns(report, factors, roomy=roomy)
    parts: list[RenderableType] = [_heading(report), _table(report, report.rows, columns)]
    if report.shorts:
        parts += [Text("short candidates", style="bold"), _table(report, report.shorts, columns)]
    parts += _summary(report)
    if report.simulated:
        parts.insert(0, Text(SIMULATED_LABEL, style="bold white on red"))
    return Group(*parts)


def _heading(report: ScanReport) -> Text:
    profile = "" if report.profile in {"", DEFAULT_PROFILE} else f", profile {report.profile}"
    style = "" if report.style in {"", DEFAULT_STYLE} else f", style {report.style}"
    replayed = " (real bars, replayed from files)" if report.provider == "replay" else ""
    running = f" ({PROVISIONAL_LABEL})" if report.provisional else ""
    return Text(f"as of {report.as_of}{running}, provider {report.provider}{replayed}{profile}{style}", style="bold")


def _table(report: ScanReport, rows: Sequence[Row], columns: Sequence["_Column"]) -> RenderableType:
    if not rows:
        return Text("no rows: nothing could be ranked; the omissions below say why", style="yellow")
    label = SIMULATED_LABEL if report.simulated else None
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=label, caption_justify="left")
    for column in columns:
        table.add_column(
            column.heading,
            justify="right" if column.number else "left",
            max_width=column.most,
            min_width=column.least,
            no_wrap=column.most is not None,
        )
    for row in rows:
        table.add_row(*(column.cell(row) for column in columns))
    return table


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: what it shows of a row, whether that is a number, and whether a narrow terminal shows it."""

    heading: str
    cell: Callable[[Row], Text]
    number: bool = False
    essential: bool = True
    least: int | None = None
    most: int | None = None


_COLUMNS: Final = (
    _Column("#", lambda row: Text(str(row.rank)), number=True),
    _Column("symbol", lambda row: _said(row.symbol)),
    _Column("name", lambda row: _said(row.name), essential=False, most=14),
    _Column("score", lambda row: Text(_number(row.score, ".1f")), number=True),
    _Column("rating", lambda row: Text(_number(row.tech_rating, "+.0f")), number=True, essential=False),
    _Column("signal", lambda row: Text(row.signal or _NONE, _SIGNAL_STYLES.get(row.signal or "", "")), least=12),
    _Column("alpha 5", lambda row: Text(_number(row.alpha_5, "+.2%")), number=True, essential=False),
    _Column("alpha 10", lambda row: Text(_number(row.alpha_10, "+.2%")), number=True),
    _Column("close", lambda row: Text(_price(row.close)), number=True),
    _Column("sector", lambda row: _said(row.sector), essential=False, most=10),
    _Column("flags", lambda row: Text(" ".join(row.flags)), least=max(len(name) for name in Flag.__members__)),
)


_YEAR: Final = _Column("year", lambda row: draw_year(row.factors))
_PLAN_COLUMNS: Final = (
    _Column("entry", lambda row: Text(_price(row.plan.entry) if row.plan else _NONE), number=True),
    _Column("stop", lambda row: Text(_price(row.plan.stop) if row.plan else _NONE), number=True),
    _Column("target", lambda row: Text(_price(row.plan.target) if row.plan else _NONE), number=True),
    _Column(
        "shares", lambda row: Text(f"{row.plan.shares:,}" if row.plan and not row.plan.no_plan else _NONE), number=True
    ),
)


def _columns(report: ScanReport, factors: Sequence[str], *, roomy: bool) -> tuple[_Column, ...]:
    """Return the columns that are shown; those that were asked for come before the flags."""
    asked = [_Column(name, partial(_factor, name), number=True) for name in factors]
    if report.plan_terms is not None:
        asked += _PLAN_COLUMNS
    *shown, flags = (column for column in _COLUMNS if column.essential or (roomy and not asked))
    year = [_YEAR] if roomy and any(RETURNS[0] in row.factors for row in (*report.rows, *report.shorts)) else []
    return (*shown, *year, *asked, flags)


def _factor(name: str, row: Row) -> Text:
    return Text(_number(row.factors.get(name, math.nan), ",.4g"))


def _summary(report: ScanReport) -> Iterator[Text]:
    counts = _listed({reason: f"{count:,}" for reason, count in report.omission_counts.items()})
    yield Text(
        f"{report.requested_count:,} requested = {report.scored_count:,} scored + {report.omitted_count:,} omitted"
        + (f" ({counts})" if counts else "")
    )
    if report.budget_spent:
        yield Text("the budget was spent: this result is partial", style="bold yellow")
    if report.plan_terms is not None:
        terms = report.plan_terms
        yield Text(f"plans: account {terms.account_usd:,.0f} USD, risk {terms.risk:.2%}, R:R {terms.target_rr:g}")
    yield Text(_regime(report))
    yield Text(
        f"sessions {report.sessions_ready:,}/{report.sessions_wanted:,}, "
        f"provider calls {report.provider_request_count:,}, "
        f"cache {report.cache_hit_count:,} hits {report.cache_miss_count:,} misses"
    )
    plan = report.fetch_plan
    if plan is not None and plan.session_call_count + plan.symbol_call_count:
        yield Text(f"fetch plan: {plan.reason}")
    yield Text(_coverage(report))
    yield Text(f"seconds: {_listed({stage: f'{seconds:.3f}' for stage, seconds in report.timings.items()})}")
    yield Text(f"versions: {_listed({part: _short(version) for part, version in report.versions.items()})}")
    for notice in report.notices:
        yield Text.assemble("note: ", _said(notice), style="yellow")
    for reason in sorted({omission.reason for omission in report.omissions}):
        symbols = " ".join(omission.symbol for omission in report.omissions if omission.reason == reason)
        yield Text.assemble(f"omitted, {reason}: ", _said(symbols))
    yield Text(f"scan {report.scan_id}, result {report.result_hash}", style="dim")


def _regime(report: ScanReport) -> str:
    regime = report.regime
    missing = f", missing {' '.join(regime.missing_symbols)}" if regime.missing_symbols else ""
    return f"market: trend {regime.trend or 'unknown'}, volatility {regime.volatility or 'unknown'}{missing}"


def _coverage(report: ScanReport) -> str:
    known = report.coverage
    return (
        f"known of {known.symbol_count:,}: type {known.type_count:,}, exchange {known.exchange_count:,}, "
        f"sector {known.sector_count:,}, market cap {known.market_cap_count:,}"
    )


def _listed(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _short(version: str) -> str:
    """Shorten each sha256 to what tells it apart; leave names and numbers as they are."""
    return " ".join(word[:12] if len(word) == 64 else word for word in version.split())


def _price(value: float) -> str:
    return _number(value, ",.2f" if value >= 1 else ".4f")


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else _NONE


def _said(text: str) -> Text:
    """Take a text that others wrote as what it is: no markup, no control characters."""
    return Text("".join(letter if letter.isprintable() else " " for letter in text) or _NONE)
