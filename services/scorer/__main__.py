"""Runs the scorer: `python -m services.scorer`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.rpc import logs
from services.rpc.settings import load
from services.scorer.settings import ScorerSettings

if TYPE_CHECKING:
    from services.rpc.serve import ServerSpec


@asynccontextmanager
async def compose(settings: ScorerSettings) -> "AsyncIterator[ServerSpec]":
    """Put the scorer together."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    from services.market.scoring import ScoringConfig
    from services.rpc.channel import open_channel, peer_access
    from services.rpc.listening import server_access
    from services.rpc.metrics import Metrics
    from services.rpc.serve import ServerSpec
    from services.scorer.bars import BarClient
    from services.scorer.engine import FactorEngine
    from services.scorer.remembered import RememberedScorings
    from services.scorer.scoring import UniverseScorer
    from services.scorer.servicer import ScorerServicer
    from technic.v1 import scorer_service_pb2_grpc

    engine = FactorEngine(ScoringConfig.load())
    with ThreadPoolExecutor(settings.threads, "factors") as pool:
        async with open_channel(settings.fetcher_address, peer_access(settings)) as channel:
            remembered = RememberedScorings(settings.cache_mb * 1_000_000)
            servicer = ScorerServicer(UniverseScorer(engine, BarClient(channel), pool, remembered))

            def register(server: grpc.aio.Server) -> None:
                scorer_service_pb2_grpc.add_ScorerServiceServicer_to_server(servicer, server)

            async def warm() -> None:
                await asyncio.get_running_loop().run_in_executor(pool, engine.warm)

            yield ServerSpec(
                "scorer",
                settings.address,
                register,
                ("technic.v1.ScorerService",),
                warm,
                metrics=Metrics("scorer", settings.metrics_address),
                access=server_access(settings),
            )


def main() -> None:
    """Run the service; see `--help` for its settings."""
    settings = load(ScorerSettings, sys.argv[1:])
    logs.configure("scorer", settings.log_level)
    from services.rpc.serve import run

    run(compose(settings))


if __name__ == "__main__":
    main()
