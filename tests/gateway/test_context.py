"""How a scan's time is divided between what comes before its rows and the rows themselves."""

from dataclasses import replace
from typing import Any

import pytest

from services.gateway.context import RESERVE_S, ScanContext, Tools
from services.gateway.last import LastResult
from services.gateway.progress import Tracker
from services.gateway.remembered import RememberedScans
from services.gateway.request import parse
from services.market.scoring import ScoringConfig
from technic.v1 import gateway_service_pb2 as pb

CONFIG = ScoringConfig.load()
NOBODY: Any = None


def context(budget_s: float, running_count: int, elapsed_s: float = 0.0) -> ScanContext:
    """Return a scan that has run for some seconds, one of some that run."""
    moments = iter((0.0,))
    tracker = Tracker(lambda: next(moments, elapsed_s))
    tools = Tools(NOBODY, NOBODY, NOBODY, CONFIG, RememberedScans(0), LastResult(keeps=False))
    tools.running.update((tracker, *(Tracker() for _ in range(running_count - 1))))
    request = replace(parse(pb.ScanUniverseRequest(), CONFIG), budget_s=budget_s)
    return ScanContext(tools, request, tracker, NOBODY, NOBODY)


@pytest.mark.parametrize("budget_s", [0.3, 1.0, 3.0, 10.0, 60.0])
@pytest.mark.parametrize("running_count", [1, 4])
def test_rows_keep_at_least_half_of_their_reserve_whatever_models_take(budget_s: float, running_count: int) -> None:
    one = context(budget_s, running_count)
    reserve_s = budget_s - one.left_s
    assert 0 < reserve_s <= RESERVE_S
    assert reserve_s <= 0.6 * budget_s
    assert budget_s - one.forecast_s == pytest.approx(reserve_s / 2)


def test_scans_that_end_together_keep_time_for_each_other() -> None:
    assert context(0.3, 4).left_s < context(0.3, 1).left_s
    assert context(60.0, 4).left_s == context(60.0, 1).left_s


def test_nothing_is_left_of_a_budget_that_is_spent() -> None:
    spent = context(0.3, 1, elapsed_s=0.4)
    assert (spent.left_s, spent.forecast_s) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("budget_s", "elapsed_s", "left_s", "forecast_s"),
    [(10.0, 0.0, 9.75, 9.875), (10.0, 9.8, 0.0, 0.075), (10.0, 9.9, 0.0, 0.0)],
)
def test_no_part_of_a_scan_gets_more_than_is_left_of_its_budget(
    budget_s: float, elapsed_s: float, left_s: float, forecast_s: float
) -> None:
    scan = context(budget_s, 1, elapsed_s)
    assert scan.left_s == pytest.approx(left_s)
    assert scan.forecast_s == pytest.approx(forecast_s)
