"""Who may call what: the role that each method needs, and the interceptor that asks for a token of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import grpc
import structlog
from grpc_status import rpc_status

from services.market.errors import RoleRefusedError, TechnicError, TokenRefusedError
from services.rpc.status import to_status
from services.rpc.tokens import Role, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.rpc.interceptors import Context, Continuation, Handler
    from services.rpc.tokens import Entry

AUTHORIZATION: Final = "authorization"
"""Metadata key of a token; its value is `Bearer`, a space, and the token."""
SCHEME: Final = "bearer "

_ROLES: Final = {
    "technic.v1.GatewayService": {Role.READER: "ScanUniverse", Role.OPERATOR: ""},
    "technic.v1.ScorerService": {Role.READER: "ScoreUniverse ListFactors", Role.OPERATOR: ""},
    "technic.v1.FetcherService": {
        Role.READER: "ListSymbols StreamBars GetStoreStatus GetCacheStats",
        Role.OPERATOR: "SyncStore VerifyStore WarmCache",
    },
    "inference.GRPCInferenceService": {
        Role.READER: "ServerLive ServerReady ModelReady ServerMetadata ModelMetadata ModelInfer ModelStreamInfer "
        "RepositoryIndex",
        Role.OPERATOR: "RepositoryModelLoad RepositoryModelUnload",
    },
    "grpc.health.v1.Health": {Role.READER: "List"},
    "grpc.reflection.v1.ServerReflection": {Role.READER: "ServerReflectionInfo"},
    "grpc.reflection.v1alpha.ServerReflection": {Role.READER: "ServerReflectionInfo"},
}
ROLES: Final[dict[str, Role]] = {
    f"/{service}/{method}": role
    for service, methods in _ROLES.items()
    for role, names in methods.items()
    for method in names.split()
}
"""The role that a method needs, by its full name. What is not here, and not open, needs an operator."""
OPEN: Final = frozenset(f"/grpc.health.v1.Health/{method}" for method in ("Check", "Watch"))
"""Methods that need no token: probes have none."""

_REFUSED: Final = (
    "this call needs a valid token that has not expired, as metadata `authorization: Bearer TOKEN`; "
    "`technic` takes it from TECHNIC_TOKEN or --token-file"
)


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Lets calls through that bring a token of the role which the method needs; the others are not even read.

    Args:
        entries: gives the tokens that are accepted now.
        clock: seconds since 1970.
    """

    def __init__(self, entries: Callable[[], tuple[Entry, ...]], clock: Callable[[], float] = time.time) -> None:
        self._entries = entries
        self._clock = clock

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Find the caller, and the caller's name into the log; called by grpc once a call."""
        method = handler_call_details.method
        if method in OPEN:
            return await continuation(handler_call_details)
        entry = find(self._entries(), _token(handler_call_details), self._clock())
        if entry is None:
            return _refusing(TokenRefusedError(_REFUSED), method)
        structlog.contextvars.bind_contextvars(caller=entry.name)
        needed = ROLES.get(method, Role.OPERATOR)
        if entry.role < needed:
            name = needed.name.lower()
            return _refusing(RoleRefusedError(f"{method.rpartition('/')[2]} needs a token of the role {name}"), method)
        return await continuation(handler_call_details)


def _token(details: grpc.HandlerCallDetails) -> str:
    """Return the token of a call, or an empty text."""
    for key, value in details.invocation_metadata or ():
        if key == AUTHORIZATION and isinstance(value, str) and value[: len(SCHEME)].lower() == SCHEME:
            return value[len(SCHEME) :].strip()
    return ""


def _refusing(error: TechnicError, method: str) -> Handler:
    """Return a handler that fails: one of streams, whatever the method is, as that reads no message first."""

    async def refuse(_requests: Any, context: Context) -> None:  # noqa: ANN401  # an iterator of any messages
        if method.startswith("/grpc."):
            # The methods of gRPC itself have nobody around them who would do this.
            structlog.get_logger().info("call", method=method, outcome=error.reason)
            await context.abort_with_status(rpc_status.to_status(to_status(error)))
        raise error

    return grpc.stream_stream_rpc_method_handler(refuse)
