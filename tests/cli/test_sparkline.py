"""A year of a price in letters."""

import math

import pytest

from services.cli.sparkline import RETURNS, draw_year


def returns(*values: float) -> dict[str, float]:
    return dict(zip(RETURNS, values, strict=True))


def test_a_price_that_climbed_climbs() -> None:
    drawn = draw_year(returns(1.0, 0.8, 0.6, 0.4, 0.2, 0.1))
    assert drawn.plain == "".join(sorted(drawn.plain))
    assert (drawn.plain[0], drawn.plain[-1], drawn.style) == ("▁", "█", "green")


def test_a_price_that_fell_falls() -> None:
    drawn = draw_year(returns(-0.5, -0.4, -0.3, -0.2, -0.1, -0.05))
    assert drawn.plain == "".join(sorted(drawn.plain, reverse=True))
    assert drawn.style == "red"


@pytest.mark.parametrize("missing", [math.nan, -1.0])
def test_what_is_not_known_is_blank(missing: float) -> None:
    drawn = draw_year(returns(missing, missing, 0.3, 0.2, 0.1, 0.0))
    assert drawn.plain[2] == "▁"
    assert drawn.plain[-1] == "█"
    assert drawn.plain[:2] == "  "


def test_a_price_that_stood_still_is_a_line() -> None:
    drawn = draw_year(returns(*[0.0] * 6))
    assert len(set(drawn.plain)) == 1
    assert drawn.style == ""


def test_nothing_known_is_the_close_alone() -> None:
    assert draw_year({}).plain.strip() == draw_year({}).plain[-1]
