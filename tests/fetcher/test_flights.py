"""Single flight: one call for callers that ask the same at once, whoever leaves."""

import asyncio

import pytest

from services.fetcher.provider.flights import Flights


class Call:
    """A call that ends when `release` is set; counts itself, and its cancellations."""

    def __init__(self) -> None:
        self.count = 0
        self.cancelled = 0
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        """Wait, then return how many calls there were."""
        self.count += 1
        self.begun.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return self.count


async def start(flights: Flights[int], call: Call, count: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(flights.join("question", call)) for _ in range(count)]
    async with asyncio.timeout(5):
        await call.begun.wait()
    return tasks


async def test_callers_at_once_share_one_call_and_later_ones_do_not() -> None:
    flights, call = Flights[int](), Call()
    tasks = await start(flights, call, 3)
    assert repr(flights) == "Flights(1 under way)"
    call.release.set()
    assert await asyncio.gather(*tasks) == [1, 1, 1]
    assert await flights.join("question", call) == 2
    assert repr(flights) == "Flights(0 under way)"


async def test_other_questions_are_other_calls() -> None:
    flights, call = Flights[int](), Call()
    call.release.set()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(flights.join(question, call)) for question in ("a", "b")]
    assert {task.result() for task in tasks} == {1, 2}


async def test_one_that_is_cancelled_leaves_the_call_to_the_other() -> None:
    flights, call = Flights[int](), Call()
    one, other = await start(flights, call, 2)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    call.release.set()
    assert await other == 1
    assert (call.count, call.cancelled) == (1, 0)


async def test_the_last_one_to_leave_ends_the_call() -> None:
    flights, call = Flights[int](), Call()
    tasks = await start(flights, call, 2)
    for task in tasks:
        task.cancel()
    assert [type(error) for error in await asyncio.gather(*tasks, return_exceptions=True)] == [
        asyncio.CancelledError
    ] * 2
    assert call.cancelled == 1
    call.release.set()
    assert await flights.join("question", call) == 2


async def test_an_error_is_told_to_all_and_not_remembered() -> None:
    flights, call = Flights[int](), Call()
    call.error = ValueError("no")
    tasks = await start(flights, call, 2)
    call.release.set()
    assert [str(error) for error in await asyncio.gather(*tasks, return_exceptions=True)] == ["no", "no"]
    call.error = None
    assert await flights.join("question", call) == 2
