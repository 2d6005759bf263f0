"""A gateway that goes: waits end in time for an answer."""

import asyncio

import pytest

from services.gateway.closing import ANSWER_S, Closing, ClosingError


async def wait_for_ever(closing: Closing, later_s: float) -> float:
    """Wait within a bound, and return the time at which it ended."""
    with pytest.raises(ClosingError):
        async with closing.bound(later_s):
            await asyncio.Event().wait()
    return asyncio.get_running_loop().time()


async def test_what_began_before_ends_in_time_and_some_of_it_a_little_later() -> None:
    closing = Closing()
    waits = [asyncio.create_task(wait_for_ever(closing, later_s)) for later_s in (0.0, 0.5)]
    await asyncio.sleep(0)
    closing.begin(ANSWER_S + 0.1)
    first, second = await asyncio.gather(*waits)
    assert second - first == pytest.approx(0.5, abs=0.3)
    assert second > first


async def test_what_begins_later_gets_what_is_left() -> None:
    closing, loop = Closing(), asyncio.get_running_loop()
    closing.begin(ANSWER_S)
    began = loop.time()
    assert await wait_for_ever(closing, 0.0) - began < 0.4
    assert await wait_for_ever(closing, 0.5) - began >= 0.45


async def test_without_an_end_nothing_is_bound() -> None:
    closing = Closing()
    async with closing.bound():
        await asyncio.sleep(0)
    assert repr(closing) == "Closing(0 waits, until None)"
