"""The one table between typed errors and gRPC statuses, both ways."""

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

from services.market import errors
from services.market.errors import TechnicError

DOMAIN = "technic"
DETAILS_KEY = "grpc-status-details-bin"

CODES: dict[type[TechnicError], int] = {
    errors.InvalidRequestError: code_pb2.INVALID_ARGUMENT,
    errors.UnknownModelError: code_pb2.NOT_FOUND,
    errors.ModelUnusableError: code_pb2.FAILED_PRECONDITION,
    errors.ConfigMismatchError: code_pb2.FAILED_PRECONDITION,
    errors.LocalDataError: code_pb2.FAILED_PRECONDITION,
    errors.CalendarEndedError: code_pb2.FAILED_PRECONDITION,
    errors.PeerRefusedError: code_pb2.FAILED_PRECONDITION,
    errors.ProviderAuthError: code_pb2.UNAUTHENTICATED,
    errors.TokenRefusedError: code_pb2.UNAUTHENTICATED,
    errors.ProviderPlanError: code_pb2.PERMISSION_DENIED,
    errors.RoleRefusedError: code_pb2.PERMISSION_DENIED,
    errors.ProviderRateLimitedError: code_pb2.RESOURCE_EXHAUSTED,
    errors.OverloadedError: code_pb2.RESOURCE_EXHAUSTED,
    errors.ProviderUnavailableError: code_pb2.UNAVAILABLE,
    errors.MalformedAnswerError: code_pb2.UNAVAILABLE,
    errors.ServiceUnavailableError: code_pb2.UNAVAILABLE,
    errors.BudgetSpentError: code_pb2.DEADLINE_EXCEEDED,
}
"""Code of every error that may cross the wire. What is not here is INTERNAL, and its text stays in the log."""

_TOO_LARGE = "SERVER: Received message larger than max"
_CURES = {
    "WRONG_VERSION_NUMBER": "it speaks plaintext, and was called with TLS",
    "Hostname Verification": "its certificate is for another name",
    "Tls handshake failed": "its certificate is not from the authority that is trusted here",
    # A server that wants TLS hangs up on plaintext, as it does on a client without the certificate that it wants.
    "Socket closed": "it hung up. Is it running, and does it want TLS, or a client's certificate?",
}
_BY_REASON = {kind.reason: kind for kind in CODES}
_INTERNAL = status_pb2.Status(code=code_pb2.INTERNAL, message="internal error")


def crosses(error: Exception) -> bool:
    """Tell whether a caller sees what an error says; of others the log must tell."""
    return isinstance(error, tuple(CODES))


def to_status(error: Exception) -> status_pb2.Status:
    """Turn an error into the status that a caller sees: code, text, ErrorInfo and, where known, RetryInfo."""
    kind = next((kind for kind in type(error).__mro__ if kind in CODES), None)
    if kind is None or not isinstance(error, TechnicError):
        return _INTERNAL
    status = status_pb2.Status(code=CODES[kind], message=error.message)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=kind.reason, domain=DOMAIN))
    if error.retry_after_s is not None:
        delay = Duration(nanos=0)
        delay.FromNanoseconds(int(error.retry_after_s * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def from_call(error: grpc.aio.AioRpcError, service: str) -> TechnicError:
    """Turn a failed call back into the typed error that the other side raised.

    Args:
        error: what the call raised.
        service: name of the called service, for errors that gRPC itself makes.

    Returns:
        The typed error; ServiceUnavailableError or BudgetSpentError if the status carries no details of ours.
    """
    status = _status(error)
    kind, retry_after_s = _details(status)
    if kind is not None:
        return kind(status.message, retry_after_s=retry_after_s)
    code = error.code()
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.BudgetSpentError(f"the {service} did not answer in time")
    # CANCELLED is not of our own cancel, which raises CancelledError: a server that is going says it to a call that
    # came in the moment when it stopped.
    if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
        return errors.ServiceUnavailableError(f"the {service} cannot be reached: {why_unreachable(error)}")
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in (error.details() or ""):
        return errors.InvalidRequestError(f"the request is larger than the {service} takes: {error.details()}")
    return TechnicError(f"the {service} failed with {code.name}: see its log")


def is_typed(error: grpc.aio.AioRpcError) -> bool:
    """Tell whether a failed call carries a typed error, so that the service itself spoke."""
    return _details(_status(error))[0] is not None


def from_peer(error: grpc.aio.AioRpcError, service: str) -> TechnicError:
    """Do as `from_call`, for a service that calls another: refused is then the service, not who called it."""
    failure = from_call(error, service)
    if isinstance(failure, errors.TokenRefusedError | errors.RoleRefusedError):
        return errors.PeerRefusedError(
            f"the {service} refuses the token of the service that calls it: see that one's setting PEER_TOKEN_PATH"
        )
    return failure


def why_unreachable(error: grpc.aio.AioRpcError) -> str:
    """Say what to look at, by what gRPC says of a connection that could not be made."""
    details = error.details() or ""
    return next((cure for sign, cure in _CURES.items() if sign in details), "is it running?")


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Return the status with its details, as the service sent it; an empty one if it sent none."""
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            status.ParseFromString(value)
    return status


def _details(status: status_pb2.Status) -> tuple[type[TechnicError] | None, float | None]:
    """Read our ErrorInfo and RetryInfo out of a status; an unknown reason or domain is none of ours."""
    kind: type[TechnicError] | None = None
    retry_after_s: float | None = None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info) and info.domain == DOMAIN:
            kind = _BY_REASON.get(info.reason)
        elif detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToNanoseconds() / 1e9
    return kind, retry_after_s
