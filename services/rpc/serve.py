"""Runs a gRPC server: listens, answers health and reflection, warms up, says it is ready, and drains on the way out."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import grpc
import structlog
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc

from services.market.errors import ServiceUnavailableError, TechnicError
from services.rpc.channel import FRAME_BYTES
from services.rpc.checks import HealthServicer
from services.rpc.interceptors import CallInterceptor
from services.rpc.keepalive import server_options
from services.rpc.listening import UNPROTECTED, ServerAccess
from services.rpc.metrics import Metrics

UNAVAILABLE_EXIT = 69
DRAIN_S = 8.0
"""Seconds that calls in flight get at a stop: with what closes after them it stays under the 10 s of `docker stop`."""
REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"


Tell = Callable[[bool], Awaitable[None]]
"""Told whether the service is ready."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What a service brings to its server.

    Attributes:
        name: name of the service, for logs and errors.
        address: host:port or unix:/path; port 0 takes a free one.
        register: adds the servicers.
        service_names: full names of the services, for health and reflection.
        warm: does what must be done before the first call is taken; readiness waits for it.
        follow: tells whether the service is ready, again and again from the end of `warm` until it is cancelled by the
            stop; None for a service that stays ready.
        drain: is told at a stop within how many seconds calls in flight have to end.
        metrics: counts the calls, and is served as long as the server runs.
        drain_s: those seconds; what is still there then is cut.
        access: what is demanded of callers: TLS, tokens, sizes.
    """

    name: str
    address: str
    register: Callable[[grpc.aio.Server], None]
    service_names: tuple[str, ...]
    warm: Callable[[], Awaitable[None]]
    follow: Callable[[Tell], Coroutine[None, None, None]] | None = None
    drain: Callable[[float], None] | None = None
    metrics: Metrics | None = None
    drain_s: float = DRAIN_S
    access: ServerAccess = UNPROTECTED


class RunningServer:
    """A server that takes calls; `address` is where. Made by `start`."""

    def __init__(self, spec: ServerSpec, server: grpc.aio.Server, address: str) -> None:
        self.address = address
        self._spec = spec
        self._server = server
        self._health = HealthServicer()
        self._ready: bool | None = None
        self._following: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"RunningServer({self._spec.name} on {self.address})"

    def register(self) -> None:
        """Add the service, health (NOT_SERVING yet) and, if wanted, reflection (v1 and v1alpha) to the server."""
        self._spec.register(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if self._spec.access.reflection:
            self._register_reflection()

    def _register_reflection(self) -> None:
        names = (*self._spec.service_names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        servicer = reflection.aio.ReflectionServicer(names)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, self._server)
        # The package serves v1alpha only; v1 has the same messages, and newer clients ask for it first.
        handler = grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        generic = grpc.method_handlers_generic_handler(REFLECTION_V1, {"ServerReflectionInfo": handler})
        self._server.add_generic_rpc_handlers((generic,))

    async def set_ready(self, ready: bool) -> None:  # noqa: FBT001  # a Tell
        """Answer health checks with SERVING or NOT_SERVING."""
        if ready == self._ready:
            return
        self._ready = ready
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._spec.service_names):
            await self._health.set(name, status)

    async def begin(self) -> None:
        """Say ready; where the spec follows that itself, let it."""
        if self._spec.follow is None:
            await self.set_ready(True)
        else:
            self._following = asyncio.create_task(self._follow(self._spec.follow))

    async def _follow(self, follow: Callable[[Tell], Coroutine[None, None, None]]) -> None:
        try:
            await follow(self.set_ready)
        except Exception:  # noqa: BLE001  # the last stop: logged whole; what cannot be followed is not ready
            structlog.get_logger().exception("readiness_unknown")
            await self.set_ready(False)

    async def _stop_following(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])

    async def stop(self) -> None:
        """Take no more calls, let those in flight end within the drain time, then cut the rest."""
        await self._stop_following()
        await self._health.enter_graceful_shutdown()
        if self._spec.drain is not None:
            self._spec.drain(self._spec.drain_s)
        await self._server.stop(self._spec.drain_s)
        await self._close()

    async def kill(self) -> None:
        """Cut all calls at once."""
        await self._stop_following()
        await self._server.stop(None)
        await self._close()

    async def _close(self) -> None:
        if self._spec.metrics is not None:
            await self._spec.metrics.close()


async def start(spec: ServerSpec) -> RunningServer:
    """Listen, warm up, and say ready.

    Raises:
        InvalidRequestError: it would listen in plaintext to other machines.
        LocalDataError: a file of tokens or certificates is of no use.
        ServiceUnavailableError: the address cannot be listened on.
        TechnicError: warming up failed; the server is stopped again.
    """
    server = grpc.aio.server(
        interceptors=[
            *([spec.metrics.interceptor()] if spec.metrics else ()),
            CallInterceptor(),
            *spec.access.interceptors(),
        ],
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.http2.max_frame_size", FRAME_BYTES),
            *server_options(),
            *spec.access.options(),
        ],
    )
    try:
        port = spec.access.listen(server, spec.address)
    except RuntimeError:
        raise ServiceUnavailableError(
            f"the {spec.name} cannot listen on {spec.address}: is the port in use? Choose another address."
        ) from None
    address = spec.address if spec.address.startswith("unix:") else f"{spec.address.rpartition(':')[0]}:{port}"
    running = RunningServer(spec, server, address)
    running.register()
    await running.set_ready(False)
    await server.start()
    try:
        if spec.metrics is not None:
            spec.metrics.listen()
        await spec.warm()
    except BaseException:
        await running.kill()
        raise
    await running.begin()
    structlog.get_logger().info("ready", address=address)
    return running


async def serve(spec: ServerSpec) -> None:
    """Run the server until SIGTERM, SIGINT or, with TECHNIC_EXIT_WITH_STDIN=1, the end of stdin; then drain."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if os.environ.get("TECHNIC_EXIT_WITH_STDIN") == "1":
        loop.add_reader(sys.stdin.fileno(), _watch_stdin, stopping)
    running = await _unless(stopping, start(spec))
    if running is None:
        return
    await stopping.wait()
    structlog.get_logger().info("draining")
    await running.stop()


def _watch_stdin(stopping: asyncio.Event) -> None:
    """Whoever started us holds the other end of the pipe; when that process is gone, so is our reason to run."""
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stopping.set()


async def _unless(stopping: asyncio.Event, work: Awaitable[RunningServer]) -> RunningServer | None:
    """Await `work`, or cancel it and return None once `stopping` is set."""
    task, stop = asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())
    await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        return task.result()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return None


def run(composition: AbstractAsyncContextManager[ServerSpec]) -> None:
    """Run a service on uvloop until told to stop; a typed error ends the process with one line and exit code 69."""

    async def main() -> None:
        async with composition as spec:
            await serve(spec)

    try:
        uvloop.run(main())
    except TechnicError as error:
        structlog.get_logger().error("cannot_start", error=error.message, reason=error.reason)
        sys.exit(UNAVAILABLE_EXIT)
    sys.stderr.flush()
    # Everything is closed by now; taking the interpreter and its compiled code apart would cost up to a second more.
    os._exit(0)
