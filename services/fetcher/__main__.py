"""Runs the fetcher: `python -m services.fetcher`."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, time
from functools import partial
from typing import TYPE_CHECKING

from services.fetcher.settings import FetcherSettings
from services.rpc import logs
from services.rpc.settings import load

if TYPE_CHECKING:
    from services.fetcher.local import LocalFiles
    from services.fetcher.source import BarSource
    from services.fetcher.symbols import SymbolIndex
    from services.files.attributes import AttributeBook
    from services.rpc.serve import ServerSpec


@asynccontextmanager
async def compose(settings: FetcherSettings) -> "AsyncIterator[ServerSpec]":
    """Put the fetcher together."""
    import asyncio

    from services.fetcher.bar_metrics import BarMetrics
    from services.fetcher.bars import Bars
    from services.fetcher.cache import SessionCache
    from services.fetcher.cache import warm as warm_cache
    from services.fetcher.place import find_place
    from services.fetcher.provider import decode
    from services.fetcher.servicer import FetcherServicer, register
    from services.fetcher.store.store import Store
    from services.fetcher.store.stored_source import StoredSource
    from services.fetcher.symbols import SymbolIndex
    from services.fetcher.warming import WarmPlan
    from services.market.scoring import ScoringConfig
    from services.rpc.listening import server_access
    from services.rpc.metrics import Metrics
    from services.rpc.serve import ServerSpec

    index = SymbolIndex()
    now = clock(settings.clock)
    store = Store(index, settings.store_sessions, lambda: now().timestamp())
    source = StoredSource(await open_source(settings, index), store, await open_attributes(settings))
    cache = SessionCache(settings.cache_mb * 1_000_000)
    early_sessions = ScoringConfig.load().history.early_sessions
    bars = Bars(source, index, cache, store, early_sessions=early_sessions, clock=now)

    metrics = Metrics("fetcher", settings.metrics_address)
    metrics.registry.register(BarMetrics(bars, store))

    async def open_store() -> None:
        place = await find_place(settings)
        if place is not None:
            await store.open(place)
            await bars.recall()

    async def warm() -> None:
        await asyncio.to_thread(warm_cache)
        if settings.provider != "files":
            await asyncio.gather(asyncio.to_thread(decode.warm, index), open_store())
            if settings.details:
                bars.filler.start()
        at = time.fromisoformat(settings.warm_at) if settings.warm_at else None
        bars.warming.start(WarmPlan(settings.warm_sessions, at), now)

    try:
        yield ServerSpec(
            "fetcher",
            settings.address,
            partial(register, FetcherServicer(bars)),
            ("technic.v1.FetcherService",),
            warm,
            metrics=metrics,
            access=server_access(settings),
        )
    finally:
        await bars.close()


async def open_source(settings: FetcherSettings, index: "SymbolIndex") -> "BarSource":
    """Open the source of bars that the settings name.

    Raises:
        TechnicError: local files are absent or not bars; the provider needs a key and there is none.
    """
    import structlog

    from services.market.errors import ProviderAuthError

    if settings.provider == "files":
        from services.fetcher.local import LocalSource

        local = await LocalSource.open(local_files(settings), index)
        if local.dropped_count:
            structlog.get_logger().warning("rows_without_session", count=local.dropped_count)
        return local
    if not settings.api_key.get_secret_value():
        raise ProviderAuthError(f"the provider {settings.provider} needs a key: set MASSIVE_API_KEY")
    from services.fetcher.provider.limits import PLANS
    from services.fetcher.provider.massive import MassiveSource
    from services.fetcher.provider.transport import Endpoint

    plan = PLANS[settings.plan]
    if settings.calls_per_second is not None:
        plan = replace(plan, calls=settings.calls_per_second, window_s=1.0)

    return MassiveSource(
        Endpoint(settings.base_url, settings.api_key, settings.concurrency),
        plan,
        clock(settings.clock),
        index,
        name=settings.provider,
    )


async def open_attributes(settings: FetcherSettings) -> "AttributeBook":
    """Read what the universe file knows of the symbols; local bars bring it along themselves.

    Raises:
        LocalDataError: the file is absent or is not what it should be.
    """
    import asyncio

    from services.files.attributes import read_attributes

    path = None if settings.provider == "files" else settings.universe_path
    return await asyncio.to_thread(read_attributes, path)


def local_files(settings: FetcherSettings) -> "LocalFiles":
    """Return the files that the settings name.

    Raises:
        LocalDataError: none are named, or raw bars without splits, or splits for adjusted bars.
    """
    from services.fetcher.local import LocalFiles
    from services.market.errors import LocalDataError

    if settings.bars_path is None:
        raise LocalDataError("no file of bars is named: set FETCHER_BARS_PATH")
    if settings.bars_raw and settings.splits_path is None:
        raise LocalDataError("raw bars need their splits: set FETCHER_SPLITS_PATH")
    if settings.splits_path is not None and not settings.bars_raw:
        raise LocalDataError("FETCHER_SPLITS_PATH is for raw bars: set FETCHER_BARS_RAW=true")
    return LocalFiles(settings.bars_path, settings.universe_path, settings.splits_path)


def clock(text: str) -> Callable[[], datetime]:
    """Return the clock that a setting names: the real one for `now`, else one that stands at that New York time.

    Raises:
        ValueError: the text is neither.
    """
    from services.market.sessions import NEW_YORK

    if text == "now":
        return partial(datetime.now, NEW_YORK)
    standing = datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)
    return lambda: standing


def main() -> None:
    """Run the service; see `--help` for its settings."""
    settings = load(FetcherSettings, sys.argv[1:])
    logs.configure("fetcher", settings.log_level)
    from services.rpc.serve import run

    run(compose(settings))


if __name__ == "__main__":
    main()
