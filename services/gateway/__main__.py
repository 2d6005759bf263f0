"""Runs the gateway: `python -m services.gateway`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from services.gateway.settings import GatewaySettings
from services.rpc import logs
from services.rpc.settings import load

if TYPE_CHECKING:
    from services.rpc.serve import ServerSpec


@asynccontextmanager
async def compose(settings: GatewaySettings) -> "AsyncIterator[ServerSpec]":
    """Put the gateway together."""
    import grpc

    from services.gateway.alphas import InferenceClient
    from services.gateway.clients import FetcherClient, ScorerClient
    from services.gateway.context import Tools
    from services.gateway.last import LastResult
    from services.gateway.models import ModelTerms
    from services.gateway.remembered import RememberedScans
    from services.gateway.scan import Scanner
    from services.gateway.scan_metrics import ScanMetrics
    from services.gateway.servicer import GatewayServicer
    from services.market.scoring import ScoringConfig
    from services.rpc.channel import open_channel, peer_access
    from services.rpc.listening import server_access
    from services.rpc.metrics import Metrics
    from services.rpc.serve import ServerSpec
    from technic.v1 import gateway_service_pb2_grpc

    peers = peer_access(settings)
    async with (
        open_channel(settings.fetcher_address, peers) as fetcher,
        open_channel(settings.scorer_address, peers) as scorer,
        open_channel(settings.inference_address, peers) as inference,
    ):
        terms = {
            "alpha_5": ModelTerms(
                settings.alpha_5_model, settings.alpha_5_features, settings.alpha_5_input, settings.alpha_5_output
            ),
            "alpha_10": ModelTerms(
                settings.alpha_10_model, settings.alpha_10_features, settings.alpha_10_input, settings.alpha_10_output
            ),
        }
        tools = Tools(
            fetcher=FetcherClient(fetcher),
            scorer=ScorerClient(scorer),
            inference=InferenceClient(inference, terms, streaming=settings.inference_streaming),
            config=ScoringConfig.load(),
            remembered=RememberedScans(settings.cache_mb * 1_000_000),
            last=LastResult(keeps=settings.cache_mb > 0),
        )
        metrics = Metrics("gateway", settings.metrics_address)
        servicer = GatewayServicer(
            Scanner(tools),
            ScanMetrics(metrics.registry),
            scan_limit=settings.scan_limit,
            technic_version=version("technic"),
        )

        def register(server: grpc.aio.Server) -> None:
            gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(servicer, server)

        async def warm() -> None:
            """Be ready at once: readiness is about oneself, and the others may start in any order."""

        yield ServerSpec(
            "gateway",
            settings.address,
            register,
            ("technic.v1.GatewayService",),
            warm,
            drain=tools.closing.begin,
            metrics=metrics,
            access=server_access(settings),
        )


def main() -> None:
    """Run the service; see `--help` for its settings."""
    settings = load(GatewaySettings, sys.argv[1:])
    logs.configure("gateway", settings.log_level)
    from services.rpc.serve import run

    run(compose(settings))


if __name__ == "__main__":
    main()
