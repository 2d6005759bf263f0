"""How long a call may take: points in the loop's time, made from what the caller gave it."""

import asyncio
from typing import Any, Final

import grpc

DEFAULT_DEADLINE_S: Final = 300.0
"""Seconds that a call without a deadline may take."""
LAST_S: Final = 0.2
"""Seconds that the last few symbols need from here to the rows."""
SENDING_S: Final = 0.15
SYMBOL_S: Final = 0.00004
SENDING_SHARE: Final = 0.3
"""Seconds, and those of each symbol, that are kept for sending and scoring, a third more than these take on a quiet
machine; at most a share of the time that is left."""
LISTING_SHARE: Final = 0.65
"""Share of a call's time that the reference list, pages one after the other, is waited for; scoring takes less."""
UNLISTED_S: Final = 0.15
"""Seconds of a call's time that are kept for answering without a list, while both cores decode what comes in."""


def _left(context: grpc.aio.ServicerContext[Any, Any], default_s: float) -> float:
    left = context.time_remaining()
    return default_s if left is None else left


def deadline(
    context: grpc.aio.ServicerContext[Any, Any], share: float = 1.0, default_s: float = DEFAULT_DEADLINE_S
) -> float:
    """Return the loop's time when a share of what is left of the call's time is over."""
    return asyncio.get_running_loop().time() + share * _left(context, default_s)


def listing_deadline(context: grpc.aio.ServicerContext[Any, Any]) -> float:
    """Return the loop's time until which the reference list is waited for."""
    return min(deadline(context, LISTING_SHARE), deadline(context) - UNLISTED_S)


def fetch_deadline(context: grpc.aio.ServicerContext[Any, Any], symbol_count: int) -> float:
    """Return the loop's time at which fetching must end, so that what is there can still be sent and scored."""
    left = _left(context, DEFAULT_DEADLINE_S)
    sending = min(SENDING_SHARE * left, SENDING_S + SYMBOL_S * symbol_count)
    return asyncio.get_running_loop().time() + left - sending


def repair_deadline(context: grpc.aio.ServicerContext[Any, Any]) -> float:
    """Return the loop's time at which fetching must end once all but a few symbols were sent."""
    return deadline(context) - LAST_S
