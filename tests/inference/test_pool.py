"""The pool: bounded, off the event loop, and free again after failures and cancellations."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.inference.pool import WorkPool
from services.market.errors import OverloadedError


async def test_work_runs_off_the_event_loop_and_its_error_comes_back() -> None:
    with WorkPool(threads=1) as pool:
        assert await pool.run(threading.get_ident) != threading.get_ident()
        with pytest.raises(ValueError, match="invalid literal"):
            await pool.run(int, "x")


async def test_more_than_the_limit_is_refused_and_places_come_back() -> None:
    release = threading.Event()
    with WorkPool(threads=1, limit=2) as pool:
        running, waiting = (asyncio.ensure_future(pool.run(release.wait, 20)) for _ in range(2))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="2 requests"):
            await pool.run(int)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        second = asyncio.ensure_future(pool.run(int))
        release.set()
        assert await running
        assert await second == 0
