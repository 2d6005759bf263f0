"""The standard health check, which also tells the version of what answers."""

from importlib.metadata import version
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2

VERSION_METADATA: Final = "x-technic-version"
"""Metadata key of the version, in the answer to a check."""


class HealthServicer(health.aio.HealthServicer):  # type: ignore[misc]  # the package has no types
    """Answers as grpc's own does, and names the version."""

    async def Check(  # noqa: N802  # grpc's name
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> health_pb2.HealthCheckResponse:
        """Tell whether a service is ready."""
        await context.send_initial_metadata(((VERSION_METADATA, version("technic")),))
        return await super().Check(request, context)
