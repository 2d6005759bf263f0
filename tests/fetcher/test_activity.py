"""What goes on for somebody, and what has to wait meanwhile."""

import asyncio

import pytest

from services.fetcher.activity import Activity, DisturbedError
from tests.fetcher.fake_timer import FakeTimer


async def answer(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def test_quiet_comes_so_many_seconds_after_the_last_one_left() -> None:
    timer = FakeTimer()
    activity = Activity(timer)
    await activity.quiet(5.0)
    assert timer.slept == []
    with activity.busy():
        waiting = asyncio.create_task(activity.quiet(5.0))
        with activity.busy():
            await asyncio.sleep(0)
        timer.now += 100.0
        await asyncio.sleep(0)
        assert not waiting.done()
    left_at = timer.now
    await waiting
    assert timer.now == left_at + 5.0


async def test_work_that_nobody_disturbs_gives_its_result_or_its_error() -> None:
    activity = Activity(FakeTimer())
    assert await activity.undisturbed(answer(3)) == 3

    async def fail() -> None:
        raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        await activity.undisturbed(fail())


async def test_work_is_broken_off_at_once_when_something_begins() -> None:
    activity = Activity(FakeTimer())
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    working = asyncio.create_task(activity.undisturbed(work()))
    await asyncio.sleep(0)
    with activity.busy(), pytest.raises(DisturbedError):
        await working
    assert ended.is_set()


async def test_who_is_cancelled_takes_the_work_along() -> None:
    activity = Activity(FakeTimer())
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    working = asyncio.create_task(activity.undisturbed(work()))
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert ended.is_set()
