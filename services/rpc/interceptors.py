"""What every call of ours goes through: the scan's id into the log, typed errors to statuses, one access line."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import structlog
from grpc_status import rpc_status

from services.market.errors import TechnicError
from services.rpc import logs
from services.rpc.status import crosses, to_status

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"

_FACTORIES = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Guards every method of our services; those of gRPC itself (health, reflection) pass untouched."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the method's behaviour; called by grpc once a call."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith("/grpc."):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        scan_id = str(metadata.get(logs.SCAN_ID_METADATA, ""))
        return rewrapped(handler, lambda behaviour: _guard(behaviour, method, scan_id))


def rewrapped(handler: Handler, wrap: Callable[[Behaviour], Behaviour]) -> Handler:
    """Return a handler that does what `wrap` makes of the behaviour of another one."""
    sides = (handler.request_streaming, handler.response_streaming)
    kind = "_".join("stream" if streaming else "unary" for streaming in sides)
    return _FACTORIES[kind](wrap(getattr(handler, kind)), handler.request_deserializer, handler.response_serializer)


def _guard(behaviour: Behaviour, method: str, scan_id: str) -> Behaviour:
    async def guarded(request: Any, context: Context) -> Any:  # noqa: ANN401  # any message
        if scan_id:
            logs.bind_scan(scan_id)
        started, outcome = time.monotonic(), "CANCELLED"
        try:
            answer = await behaviour(request, context)
            outcome = "OK"
        except grpc.aio.AbortError:
            outcome = "ABORTED"
            raise
        except TechnicError as error:
            outcome = error.reason
            if not crosses(error):
                structlog.get_logger().error("call_failed", method=method, error=error.message)
            await context.abort_with_status(rpc_status.to_status(to_status(error)))
        except grpc.aio.InternalError as error:
            # A write to a caller who has gone, or whose deadline has passed, a moment before we are told of that.
            structlog.get_logger().info("caller_gone", method=method, error=str(error))
            await context.abort_with_status(rpc_status.to_status(to_status(error)))
        except Exception as error:  # noqa: BLE001  # the last stop: logged whole, told as INTERNAL
            outcome = "INTERNAL"
            structlog.get_logger().exception("call_failed", method=method)
            await context.abort_with_status(rpc_status.to_status(to_status(error)))
        else:
            return answer
        finally:
            seconds = round(time.monotonic() - started, 6)
            structlog.get_logger().info("call", method=method, outcome=outcome, seconds=seconds)

    return guarded
