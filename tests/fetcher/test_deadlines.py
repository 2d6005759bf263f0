"""How long parts of a call may take, by what the caller gave it."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import pytest

from services.fetcher.deadlines import DEFAULT_DEADLINE_S, deadline, fetch_deadline, listing_deadline


@dataclass(frozen=True, slots=True)
class Call:
    """The context of a call with that much time left."""

    left_s: float | None

    def time_remaining(self) -> float | None:
        """Return the seconds left; None without a deadline."""
        return self.left_s


def context(left_s: float | None) -> Any:
    """Return it as grpc's own type."""
    return cast("Any", Call(left_s))


@pytest.mark.parametrize(("left_s", "listing_s"), [(0.2, 0.05), (0.4, 0.25), (1.0, 0.65), (10.0, 6.5)])
async def test_a_short_call_keeps_time_to_answer_without_a_list(left_s: float, listing_s: float) -> None:
    now = asyncio.get_running_loop().time()
    assert listing_deadline(context(left_s)) - now == pytest.approx(listing_s, abs=0.02)


async def test_a_call_without_a_deadline_gets_one() -> None:
    now = asyncio.get_running_loop().time()
    assert deadline(context(None)) - now == pytest.approx(DEFAULT_DEADLINE_S, abs=0.02)


@pytest.mark.parametrize(("left_s", "count", "fetch_s"), [(1.0, 6000, 0.7), (10.0, 6000, 9.61), (10.0, 0, 9.85)])
async def test_fetching_leaves_time_to_send(left_s: float, count: int, fetch_s: float) -> None:
    now = asyncio.get_running_loop().time()
    assert fetch_deadline(context(left_s), count) - now == pytest.approx(fetch_s, abs=0.02)
