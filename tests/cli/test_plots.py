"""Plots put things where they belong."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from services.cli.plots import Bar, Interval, Line, draw_bars, draw_intervals, draw_lines


def numbers(svg: str, element: str, attribute: str) -> list[float]:
    return [float(value) for value in re.findall(rf'<{element} [^>]*\b{attribute}="([-0-9.]+)"', svg)]


def test_dots_are_full_where_the_interval_leaves_out_0_and_stand_in_the_order_of_their_means() -> None:
    rows = [Interval("a", -0.03, -0.05, -0.01), Interval("b", 0.01, -0.01, 0.03), Interval("c", 0.04, 0.02, 0.06)]
    svg = draw_intervals("title", rows)
    assert re.findall(r'<circle class="(\w+ \w+)"', svg) == ["minus full", "plus hollow", "plus full"]
    assert numbers(svg, "circle", "cx") == sorted(numbers(svg, "circle", "cx"))
    assert numbers(svg, "circle", "cy") == sorted(numbers(svg, "circle", "cy"))
    left, right = numbers(svg, "line", "x1"), numbers(svg, "line", "x2")
    assert all(a <= b for a, b in zip(left, right, strict=True))


def test_columns_stand_on_0_upwards_or_hang_from_it() -> None:
    svg = draw_bars("title", [Bar("1", -10.0, 1.0), Bar("2", 0.0, 0.0), Bar("3", 20.0, 2.0)])
    top, height = numbers(svg, "rect", "y"), numbers(svg, "rect", "height")
    assert top[0] == pytest.approx(top[2] + height[2], abs=0.11)
    assert height[2] == pytest.approx(2 * height[0], abs=0.3)
    assert re.findall(r'<rect class="(\w+)"', svg) == ["minus", "minus", "plus"]


def test_lines_that_end_alike_have_names_apart_and_colours_that_repeat_are_marked() -> None:
    svg = draw_lines("title", [Line(f"n{k}", [(0.0, 0.0), (1.0, 1.0 + k / 1000)]) for k in range(8)], ("a", "b"))
    places = sorted(float(y) for y in re.findall(r'<text class="name [^"]*" x="[0-9.]+" y="([0-9.]+)"', svg))
    assert all(below - above >= 15.9 for above, below in pairwise(places))
    assert svg.count(" again") == 4


@pytest.mark.parametrize("rows", [[], [Interval("<b> & co", 0.0, 0.0, 0.0)], [Interval("huge", 1e9, -1e9, 2e9)]])
def test_plots_are_well_formed_whatever_they_show(rows: list[Interval]) -> None:
    for svg in (draw_intervals("a <title>", rows), draw_bars("b", []), draw_lines("c", [], ("", ""))):
        root = ET.fromstring(svg)  # noqa: S314  # our own text
        assert root.tag == "svg"
        assert "nan" not in svg
