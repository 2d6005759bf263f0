"""What is left of a scan's time for each of its parts."""

from dataclasses import replace
from typing import Any

import pytest

from services.gateway.context import ScanContext
from services.gateway.progress import Tracker
from services.gateway.request import parse
from services.market.scoring import ScoringConfig
from technic.v1 import gateway_service_pb2 as pb

REQUEST = parse(pb.ScanUniverseRequest(), ScoringConfig.load())


def context(budget_s: float, elapsed_s: float) -> ScanContext:
    """Give a scan that has run for some time."""
    now = [0.0]
    tracker = Tracker(lambda: now[0])
    now[0] = elapsed_s
    parts: Any = None  # Time is all that counts here.
    return ScanContext(parts, replace(REQUEST, budget_s=budget_s), tracker, parts, parts)


@pytest.mark.parametrize(
    ("budget_s", "elapsed_s", "left_s", "forecast_s"),
    [
        (10.0, 0.0, 9.75, 9.875),
        (0.5, 0.0, 0.4, 0.45),
        (0.5, 0.42, 0.0, 0.03),
        (10.0, 9.9, 0.0, 0.0),
        (10.0, 12.0, 0.0, 0.0),
    ],
)
def test_no_part_of_a_scan_gets_more_than_is_left_of_its_budget(
    budget_s: float, elapsed_s: float, left_s: float, forecast_s: float
) -> None:
    scan = context(budget_s, elapsed_s)
    assert scan.left_s == pytest.approx(left_s)
    assert scan.forecast_s == pytest.approx(forecast_s)
    assert scan.forecast_s <= max(0.0, budget_s - elapsed_s)
