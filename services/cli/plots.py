"""Small plots as inline SVG. Colours are the page's CSS classes, so that light and dark both work."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

LETTER: Final = 7
"""Width of a letter of a label, about."""
AXIS: Final = 50
"""Width kept for the numbers of a vertical axis."""
COLOURS: Final = 6
"""Colours of lines, CSS classes c0 to c5; more lines take them again, with class `again`."""

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Interval:
    """A row of `draw_intervals`: a mean and its interval."""

    label: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A column of `draw_bars`: a value and its standard error."""

    label: str
    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of `draw_lines`: (x, y) points, x from 0 to 1."""

    label: str
    points: Sequence[tuple[float, float]]


def draw_intervals(title: str, rows: Sequence[Interval], width: int = 520) -> str:
    """Draw means as dots on their intervals; full dots where the interval leaves out 0."""
    step, top = 24, 8
    foot = top + step * len(rows)
    low, high = _span([bound for row in rows for bound in (row.low, row.high)])
    left = _room(row.label for row in rows)
    along = _scale(low, high, left, width - 16)
    parts = []
    for tick in _ticks(low, high, 5):
        parts += [
            _rule(along(tick), along(tick), top, foot, "grid" if tick else "zero"),
            _text(along(tick), foot + 16, f"{tick:g}", "tick", "middle"),
        ]
    for number, row in enumerate(rows):
        y = top + step * (number + 0.5)
        sign, kind = _sign(row.mean), "full" if row.low > 0 or row.high < 0 else "hollow"
        tip = f"{row.label}: {row.mean:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
        parts += [
            _text(left - 10, y + 4, row.label, "label", "end"),
            _rule(along(row.low), along(row.high), y, y, f"whisker {sign}"),
            _tipped(f'circle class="{sign} {kind}" cx="{along(row.mean):.1f}" cy="{y:.1f}" r="4.5"', tip),
        ]
    return _svg(title, width, foot + 24, parts)


def draw_bars(title: str, columns: Sequence[Bar], width: int = 520, height: int = 200) -> str:
    """Draw values as columns from 0, up and down, with whiskers of two errors to either side."""
    bounds = [bound for it in columns for bound in (it.value - 2 * it.error, it.value + 2 * it.error)]
    up, parts = _upright(_span(bounds), AXIS, width - 8, height)
    step = (width - AXIS - 8) / max(len(columns), 1)
    for number, column in enumerate(columns):
        x = AXIS + step * (number + 0.5)
        top, foot = sorted((up(column.value), up(0.0)))
        tip = f"{column.label}: {column.value:+.1f}, standard error {column.error:.1f}"
        box = f'x="{x - step * 0.34:.1f}" y="{top:.1f}" width="{step * 0.68:.1f}" height="{max(foot - top, 0.5):.1f}"'
        parts += [
            _tipped(f'rect class="{_sign(column.value)}" {box} rx="2"', tip),
            _rule(x, x, up(column.value - 2 * column.error), up(column.value + 2 * column.error), "error"),
            _text(x, height - 6, column.label, "tick", "middle"),
        ]
    return _svg(title, width, height, parts)


def draw_lines(title: str, drawn: Sequence[Line], ends: tuple[str, str], width: int = 1060, height: int = 280) -> str:
    """Draw lines over time, each named at its end; `ends` label the first and the last moment."""
    right = width - _room(line.label for line in drawn)
    up, parts = _upright(_span([y for line in drawn for _, y in line.points]), AXIS, right, height)
    along = _scale(0.0, 1.0, AXIS, right)
    parts += [
        _text(AXIS, height - 6, ends[0], "tick", "start"),
        _text(right, height - 6, ends[1], "tick", "end"),
    ]
    places = _apart([up(line.points[-1][1]) for line in drawn], 16.0)
    for number, (line, place) in enumerate(zip(drawn, places, strict=True)):
        path = " ".join(f"{along(x):.1f},{up(y):.1f}" for x, y in line.points)
        colour = f"c{number % COLOURS}{' again' if number >= COLOURS else ''}"
        parts += [
            _tipped(f'polyline class="line {colour}" points="{path}"', line.label),
            _text(right + 8, place + 4, line.label, f"name {colour}", "start"),
        ]
    return _svg(title, width, height, parts)


def _upright(span: tuple[float, float], left: float, right: float, height: int) -> tuple[Scale, list[str]]:
    """Make a vertical scale, and draw its axis: a line and a number at each tick."""
    up = _scale(*span, height - 24, 10)
    parts = []
    for tick in _ticks(*span, 5):
        parts += [
            _rule(left, right, up(tick), up(tick), "grid" if tick else "zero"),
            _text(left - 6, up(tick) + 4, f"{tick:g}", "tick", "end"),
        ]
    return up, parts


def _room(labels: Iterable[str]) -> float:
    """Return the width that labels take beside a plot."""
    return 20.0 + LETTER * max((len(label) for label in labels), default=0)


def _sign(value: float) -> str:
    return "plus" if value > 0 else "minus"


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of finite values and 0, a little wider, and never empty."""
    known = [0.0, *(value for value in values if math.isfinite(value))]
    room = 0.06 * (max(known) - min(known)) or 1.0
    return min(known) - room, max(known) + room


def _scale(low: float, high: float, begin: float, end: float) -> Scale:
    return lambda value: begin + (value - low) / (high - low) * (end - begin)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two others, at most `most`; 0 is among them if it lies there."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    return [round(number * step, 12) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _apart(places: Sequence[float], least: float) -> list[float]:
    """Push places down until they lie `least` apart, in their order from the top."""
    moved, last = list(places), -math.inf
    for number in sorted(range(len(places)), key=lambda number: places[number]):
        moved[number] = last = max(places[number], last + least)
    return moved


def _rule(x1: float, x2: float, y1: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _tipped(element: str, tip: str) -> str:
    """Close an element that shows a text when it is pointed at."""
    return f"<{element}><title>{escape(tip)}</title></{element.split(maxsplit=1)[0]}>"


def _svg(title: str, width: int, height: int, parts: list[str]) -> str:
    inner = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" aria-label="{escape(title)}">\n'
        f"{inner}\n</svg>"
    )
