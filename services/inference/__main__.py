"""Runs the inference service: `python -m services.inference`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from services.inference.settings import InferenceSettings
from services.rpc import logs
from services.rpc.settings import load

if TYPE_CHECKING:
    from services.rpc.serve import ServerSpec

SERVICE = "inference.GRPCInferenceService"


@asynccontextmanager
async def compose(settings: InferenceSettings) -> "AsyncIterator[ServerSpec]":
    """Put the inference service together."""
    import grpc
    import structlog

    from inference import open_inference_grpc_pb2_grpc
    from services.inference import device
    from services.inference.model import BUILT_FOR_GPUS
    from services.inference.model_metrics import ModelMetrics
    from services.inference.pool import WorkPool
    from services.inference.repository import ModelRepository
    from services.inference.servicer import InferenceServicer
    from services.inference.watch import watch
    from services.rpc.listening import server_access
    from services.rpc.metrics import Metrics
    from services.rpc.serve import ServerSpec

    used, why = device.choose(settings.device, built_for_gpus=BUILT_FOR_GPUS)
    if settings.device != "cpu":
        log = structlog.get_logger()
        (log.info if used == "cuda" else log.warning)("device", asked=settings.device, used=used, why=why)
    repository = ModelRepository(settings.models_path, settings.models_mb * 10**6, used)
    metrics = Metrics("inference", settings.metrics_address)
    metrics.registry.register(ModelMetrics(repository))
    with WorkPool() as pool:
        servicer = InferenceServicer(repository, pool, version("technic"), used)

        def register(server: grpc.aio.Server) -> None:
            open_inference_grpc_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)

        async def warm() -> None:
            await pool.run(repository.load_all)

        follow = partial(watch, repository)
        yield ServerSpec(
            "inference",
            settings.address,
            register,
            (SERVICE,),
            warm,
            follow,
            metrics=metrics,
            access=server_access(settings),
        )


def main() -> None:
    """Run the service; see `--help` for its settings."""
    settings = load(InferenceSettings, sys.argv[1:])
    logs.configure("inference", settings.log_level)
    from services.rpc.serve import run

    run(compose(settings))


if __name__ == "__main__":
    main()
