"""Single flight: callers that ask the same thing at the same time share one call."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """The calls under way, one a question. Lives in one event loop.

    A caller that is cancelled leaves the call to the others; the last one to leave cancels it.
    """

    def __init__(self) -> None:
        self._tasks: dict[object, asyncio.Task[T]] = {}
        self._waiting: dict[asyncio.Task[T], int] = {}

    def __repr__(self) -> str:
        return f"Flights({len(self._tasks)} under way)"

    async def join(self, question: object, call: Callable[[], Coroutine[None, None, T]]) -> T:
        """Return the answer of the call under way for a question, or of a new one.

        Args:
            question: hashable; equal questions have equal answers.
            call: makes the call.

        Raises:
            Exception: whatever the call raises, to every caller.
        """
        task = self._tasks.get(question)
        if task is None:
            task = self._tasks[question] = asyncio.create_task(call())
            self._waiting[task] = 0
            task.add_done_callback(lambda done: self._landed(question, done))
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)
        finally:
            await self._leave(question, task)

    async def _leave(self, question: object, task: asyncio.Task[T]) -> None:
        if task not in self._waiting:
            return
        self._waiting[task] -= 1
        if not self._waiting[task] and not task.done():
            # Whoever asks from now on gets a call of its own, not the end of this one.
            self._forget(question, task)
            task.cancel()
            await asyncio.wait({task})

    def _landed(self, question: object, task: asyncio.Task[T]) -> None:
        self._forget(question, task)
        if not task.cancelled():
            # Marks it as seen: all who waited for it may have left.
            task.exception()

    def _forget(self, question: object, task: asyncio.Task[T]) -> None:
        if self._tasks.get(question) is task:
            del self._tasks[question]
        self._waiting.pop(task, None)
