"""The numbers of a service, as Prometheus reads them: every call by OpenTelemetry's name, the process, and its own.

Labels come from short lists that are known beforehand, never from a request: a service has fewer than 200 series.
"""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import grpc
from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from services.market.errors import InvalidRequestError, ServiceUnavailableError
from services.rpc.access import ROLES
from services.rpc.interceptors import rewrapped

if TYPE_CHECKING:
    import threading
    from wsgiref.simple_server import WSGIServer

    from services.rpc.interceptors import Behaviour, Context, Continuation, Handler

OTHER: Final = "_OTHER"
"""Stands for every method that we do not have."""
SECONDS: Final = (0.005, 0.05, 0.5, 5.0, 60.0)
"""Bounds of the durations of calls: few, as each is a series for every method and status."""


class Metrics:
    """The numbers of one service.

    Args:
        service: its name.
        address: host:port on which they are served over HTTP, below /metrics; empty to serve them nowhere.

    Attributes:
        registry: takes what the service counts itself.
        address: where they are served; with port 0 the one that was taken, once `listen` was called.
    """

    def __init__(self, service: str, address: str) -> None:
        self.address = address
        self.registry = CollectorRegistry()
        self._server: tuple[WSGIServer, threading.Thread] | None = None
        disable_created_metrics()  # type: ignore[no-untyped-call]  # A series more for each counter, of no use to anybody here.
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._calls = Histogram(
            "rpc_server_call_duration_seconds",
            "Duration of the calls that were served.",
            ("rpc_system_name", "rpc_method", "rpc_response_status_code"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._in_flight = Gauge("technic_calls_in_flight", "Calls that are being served.", registry=self.registry)
        build = Gauge(
            "technic_build_info", "1, by service and version.", ("service", "version"), registry=self.registry
        )
        build.labels(service, version("technic")).set(1)

    def __repr__(self) -> str:
        return f"Metrics({self.address or 'served nowhere'})"

    def interceptor(self) -> grpc.aio.ServerInterceptor:
        """Return what counts the calls of a server; it goes around all other interceptors."""
        return _MetricsInterceptor(self)

    def begun(self) -> None:
        """Count a call that begins."""
        self._in_flight.inc()

    def ended(self, method: str, code: str, seconds: float) -> None:
        """Count a call that ended."""
        self._in_flight.dec()
        self._calls.labels("grpc", method, code).observe(seconds)

    def listen(self) -> None:
        """Serve the numbers, in a thread of their own.

        Raises:
            InvalidRequestError: the address is none.
            ServiceUnavailableError: the address cannot be listened on.
        """
        if not self.address:
            return
        host, _, port = self.address.rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            raise InvalidRequestError(f"{self.address!r} is no address for metrics: write it like 127.0.0.1:9101")
        try:
            self._server = start_http_server(int(port), host.strip("[]") or "127.0.0.1", self.registry)
        except OSError as error:
            raise ServiceUnavailableError(
                f"metrics cannot be served on {self.address}: {error.strerror}. Choose another address."
            ) from None
        self.address = f"{host or '127.0.0.1'}:{self._server[0].server_port}"

    async def close(self) -> None:
        """Serve them no more."""
        if self._server is not None:
            server, thread = self._server
            self._server = None
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            thread.join()


class _MetricsInterceptor(grpc.aio.ServerInterceptor):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the method's behaviour; called by grpc once a call. Health and reflection are not counted.

        Of a method that we do not have, anybody may ask for any name: it counts as OTHER, and no name is kept.
        """
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if method.startswith("/grpc."):
            return handler
        if handler is None:
            self._metrics.begun()
            self._metrics.ended(OTHER, grpc.StatusCode.UNIMPLEMENTED.name, 0.0)
            return None
        label = method.removeprefix("/") if method in ROLES else OTHER
        return rewrapped(handler, lambda behaviour: _timed(behaviour, label, self._metrics))


def _timed(behaviour: Behaviour, method: str, metrics: Metrics) -> Behaviour:
    async def timed(request: Any, context: Context) -> Any:  # noqa: ANN401  # any message
        began, code = time.perf_counter(), "CANCELLED"
        metrics.begun()
        try:
            answer = await behaviour(request, context)
            code = "OK"
        except asyncio.CancelledError:
            left_s = context.time_remaining()
            code = "DEADLINE_EXCEEDED" if left_s is not None and left_s <= 0 else "CANCELLED"
            raise
        except grpc.aio.AbortError:
            code = context.code().name
            raise
        else:
            return answer
        finally:
            metrics.ended(method, code, time.perf_counter() - began)

    return timed
