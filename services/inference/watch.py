"""Follows the folder of models: what is new or changed there serves within a second, and readiness follows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from services.inference.repository import ModelRepository
from services.market.errors import LocalDataError

POLL_S: Final = 0.25
"""Seconds between two looks at the folder."""


async def watch(repository: ModelRepository, tell: Callable[[bool], Awaitable[None]]) -> None:
    """Look at the folder of a repository until cancelled.

    Args:
        repository: it was read once already.
        tell: told after every look whether each model that served still does, from files that are in order.
    """
    said = tell_changes(repository, frozenset())
    trouble = ""
    while True:
        await tell(repository.serving)
        await asyncio.sleep(POLL_S)
        try:
            await asyncio.to_thread(repository.load_all)
        except LocalDataError as error:
            if error.message != trouble:
                structlog.get_logger().warning("models_not_read", reason=error.message)
            trouble = error.message
        else:
            trouble = ""
        said = tell_changes(repository, said)


State = tuple[str, str, str]


def tell_changes(repository: ModelRepository, said: frozenset[State]) -> frozenset[State]:
    """Log each version whose files came into order, or out of it, since `said`; return what holds now."""
    now = frozenset((it.name, it.version, it.reason) for it in repository.entries())
    for name, version, reason in sorted(now - said):
        log = structlog.get_logger().bind(model=name, version=version)
        if reason:
            log.warning("model_unusable", reason=reason)
        else:
            log.info("model_loaded")
    return now
