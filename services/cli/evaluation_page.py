"""Draws an evaluation as one HTML page that needs nothing else: styles and plots are in it."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from services.cli.evaluation import ABOVE, BELOW, CAVEATS, COST_BP, METHOD, RatingReport, verdict
from services.cli.evaluation_tables import LEGEND
from services.cli.plots import Bar, Interval, Line, draw_bars, draw_intervals, draw_lines
from services.cli.training_slices import LIQUID
from services.inference.appraise import Appraisal, Group
from services.inference.estimates import Estimate
from services.inference.evaluate import Skill

KINDS: Final = ("year", "quarter", "trend", "volatility")

_STYLE: Final = Path(__file__).with_name("evaluation.css")

SKILL_COLUMNS: Final = ("n", "Rank IC [95 %]", "t", "Rank ICIR", "IC [95 %]", "ICIR", "bp", "net", "t net", "turned")
_COLUMNS: Final = (
    *SKILL_COLUMNS,
    "Rank IC, > 20 M$",
    "Rank IC, no style",
    "Rank IC, beta-neutral",
)


def draw_page(report: RatingReport) -> str:
    """Return the page."""
    title = f"How good is the rating? {report.bars}"
    return wrap_page(title, _parts(report))


def wrap_page(title: str, parts: Iterable[str]) -> str:
    """Return a page with a title and pieces of HTML below it."""
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE.read_text()}</style></head>\n"
        f"<body><main>\n<h1>{escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )


def draw_figures(report: RatingReport) -> Iterator[str]:
    """Draw plots and tables of all subjects: intervals, histories, figures, then each subject in detail."""
    yield "<h2>Rank IC and its 95 % interval</h2>"
    yield '<p class="soft">Full dots: the interval leaves out 0.</p><div class="pair">'
    for horizon in report.horizons:
        yield draw_figure(_skill_plot(report, horizon), f"Returns of {horizon} sessions.")
    yield "</div>"
    yield f"<h2>Rank IC, added up session by session, {report.main_horizon} sessions ahead</h2>"
    yield draw_figure(
        _history_plot(report), "A line that climbs steadily is skill; one that climbs for a while is a phase."
    )
    for horizon in report.horizons:
        yield f"<h2>Figures, {horizon} sessions ahead</h2>"
        yield skill_table({name: found[horizon] for name, found in report.results.items() if horizon in found})
    yield f'<p class="soft">{escape(LEGEND)}</p>'
    for name, found in report.results.items():
        if report.main_horizon in found:
            yield from _detail(report, name, found[report.main_horizon])


def draw_files(files: Mapping[str, str]) -> str:
    """Name the files that the figures were made from."""
    named = ", ".join(f"{name} (sha256 {digest})" for name, digest in files.items())
    return f'<p class="soft">Files: {escape(named)}</p>'


def draw_list(title: str, texts: Iterable[str]) -> str:
    """Draw a list below a heading."""
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<h2>{escape(title)}</h2><section><ul>{items}</ul></section>"


def _parts(report: RatingReport) -> Iterator[str]:
    first, last = report.span()
    yield (
        f'<p class="soft">{len(report.sessions)} sessions, {first} to {last}, of {report.stocks:,} stocks. '
        f"{escape(METHOD)}</p>"
    )
    for note in report.notes:
        yield f'<p class="note">{escape(note)}</p>'
    yield f"<p><strong>{escape(report.summary())}</strong></p>"
    yield from draw_figures(report)
    yield draw_list("What to keep in mind", (f"Rows: {report.universe_rule}.", *CAVEATS))
    yield draw_files(report.files)


def _detail(report: RatingReport, name: str, appraisal: Appraisal) -> Iterator[str]:
    horizon = report.main_horizon
    yield f'<h2>{escape(name)} <span class="soft">{escape(report.about[name])}</span></h2><div class="pair">'
    tenths = [
        Bar(str(number), it.net * 1e4, it.error * 1e4) for number, it in enumerate(appraisal.tenths, 1) if it.periods
    ]
    yield draw_figure(
        draw_bars(f"{name}: tenths", tenths),
        f"Tenths from the lowest to the highest: return of {horizon} sessions less that of all names, after {COST_BP} "
        "basis points a side, in basis points; whiskers are two standard errors.",
    )
    rows = [
        Interval(f"{label} ({group.sessions})", group.rank_ic.mean, group.rank_ic.low, group.rank_ic.high)
        for kind in KINDS
        for label, group in named_groups(kind, appraisal.groups[kind])
        if group.rank_ic is not None
    ]
    yield draw_figure(
        draw_intervals(f"{name}: Rank IC by year and regime", rows), "Rank IC by year and regime (sessions)."
    )
    yield "</div>"
    few = [
        f"{label} ({group.sessions})"
        for kind in KINDS
        for label, group in named_groups(kind, appraisal.groups[kind])
        if group.rank_ic is None
    ]
    if few:
        yield f'<p class="soft">Too few sessions to say anything: {escape(", ".join(few))}.</p>'


def named_groups(kind: str, groups: Mapping[str, Group]) -> list[tuple[str, Group]]:
    """Name groups so that they are told apart without their kind."""
    return [(label if kind in ("year", "quarter") else f"{kind} {label}", group) for label, group in groups.items()]


def _skill_plot(report: RatingReport, horizon: int) -> str:
    skills = [(name, found[horizon].skill.rank_ic) for name, found in report.results.items() if horizon in found]
    rows = [Interval(name, it.mean, it.low, it.high) for name, it in skills]
    return draw_intervals(f"Rank IC over {horizon} sessions", rows, width=340 if len(report.horizons) > 1 else 520)


def _history_plot(report: RatingReport) -> str:
    first, last = int(report.sessions[0]), int(report.sessions[-1])
    drawn = []
    for name, found in report.results.items():
        if report.main_horizon in found:
            appraisal = found[report.main_horizon]
            x = (appraisal.positions - first) / max(last - first, 1)
            drawn.append(Line(name, list(zip(x.tolist(), np.cumsum(appraisal.rank_ics).tolist(), strict=True))))
    ends = tuple(day.isoformat() for day in report.span())
    return draw_lines("Rank IC added up", drawn, (ends[0], ends[1]))


def skill_table(found: Mapping[str, Appraisal]) -> str:
    """Draw a row of figures for each of some appraisals."""
    return draw_table(_COLUMNS, {name: "".join(_cells(appraisal)) for name, appraisal in found.items()})


def draw_table(columns: Iterable[str], rows: Mapping[str, str]) -> str:
    """Draw a table of rows of cells, which are HTML, by their names."""
    head = "".join(f"<th>{escape(column)}</th>" for column in ("", *columns))
    body = "".join(f"<tr><td>{escape(name)}</td>{cells}</tr>" for name, cells in rows.items())
    return f'<section class="scroll"><table><tr>{head}</tr>{body}</table></section>'


def skill_cells(skill: Skill) -> Iterator[str]:
    """Draw the cells of a skill."""
    spread = skill.spread
    yield f"<td>{skill.sessions}</td>"
    yield estimate_cell(skill.rank_ic)
    yield f"<td>{skill.rank_ic.t:.1f}</td>{ratio_cell(skill.rank_ic)}"
    yield estimate_cell(skill.ic)
    yield ratio_cell(skill.ic)
    yield f"<td>{spread.gross * 1e4:+.0f}</td><td>{spread.net * 1e4:+.0f}</td><td>{spread.net_t:.1f}</td>"
    yield f"<td>{spread.turnover:.0%}</td>"


def _cells(appraisal: Appraisal) -> Iterator[str]:
    yield from skill_cells(appraisal.skill)
    liquid = appraisal.slices[LIQUID]
    yield estimate_cell(liquid.rank_ic if liquid else None)
    yield estimate_cell(appraisal.without_styles)
    yield estimate_cell(appraisal.neutral)


def estimate_cell(value: Estimate | None) -> str:
    """Draw an estimate with its interval, in colour if that leaves out 0."""
    if value is None:
        return "<td>-</td>"
    kind = {ABOVE: ' class="plus"', BELOW: ' class="minus"'}.get(verdict(value), "")
    return f"<td{kind}>{value.mean:+.3f} <small>[{value.low:+.3f}, {value.high:+.3f}]</small></td>"


def ratio_cell(value: Estimate | None) -> str:
    """Draw mean over standard deviation, with its interval."""
    if value is None:
        return "<td>-</td>"
    return f"<td>{value.ratio:.2f} <small>[{value.ratio_low:.2f}, {value.ratio_high:.2f}]</small></td>"


def draw_figure(plot: str, caption: str) -> str:
    """Draw a plot with what it shows below it."""
    return f"<figure>{plot}<figcaption>{escape(caption)}</figcaption></figure>"
