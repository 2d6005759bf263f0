"""The one tree of typed errors. Each class is a reason that crosses the wire; `services.rpc.status` has its code."""

from typing import ClassVar


class TechnicError(Exception):
    """An error that a caller may read: its text names what happened and what to do, and holds no secret.

    Args:
        message: one sentence for a person.
        retry_after_s: seconds after which asking again makes sense, if known.
    """

    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class InvalidRequestError(TechnicError):
    """A request that can never be answered as it stands."""

    reason = "INVALID_REQUEST"


class UnknownModelError(TechnicError):
    """A model or version that the repository does not hold."""

    reason = "UNKNOWN_MODEL"


class ModelUnusableError(TechnicError):
    """A model that is there but broken, or was made for other features."""

    reason = "MODEL_UNUSABLE"


class ConfigMismatchError(TechnicError):
    """Two services run with different scoring configurations or factor versions."""

    reason = "CONFIG_MISMATCH"


class ProviderAuthError(TechnicError):
    """The provider refused the key."""

    reason = "PROVIDER_AUTH"


class ProviderPlanError(TechnicError):
    """The provider's plan does not include what was asked for."""

    reason = "PROVIDER_PLAN"


class ProviderRateLimitedError(TechnicError):
    """The provider asked to slow down, for longer than there is time."""

    reason = "PROVIDER_RATE_LIMITED"


class ProviderUnavailableError(TechnicError):
    """The provider could not be reached, or kept failing."""

    reason = "PROVIDER_UNAVAILABLE"


class MalformedAnswerError(TechnicError):
    """The provider, or a file, answered something that is not bars."""

    reason = "MALFORMED_ANSWER"


class LocalDataError(TechnicError):
    """A local file is absent, unreadable, or not what it should be: bars, splits, tokens, certificates."""

    reason = "LOCAL_DATA"


class CalendarEndedError(TechnicError):
    """The clock shows a day that this version's trading calendar does not cover."""

    reason = "CALENDAR_ENDED"


class TokenRefusedError(TechnicError):
    """A call without a token, or with one that is unknown or has expired: nobody is told which."""

    reason = "TOKEN_REFUSED"


class RoleRefusedError(TechnicError):
    """A call with a good token of a role that may not make it."""

    reason = "ROLE_REFUSED"


class PeerRefusedError(TechnicError):
    """A service was refused by another one: its own token, not that of its caller, is the fault."""

    reason = "PEER_REFUSED"


class ServiceUnavailableError(TechnicError):
    """Another service of Technic could not be reached, or went away."""

    reason = "SERVICE_UNAVAILABLE"


class BudgetSpentError(TechnicError):
    """A deadline passed before there was anything to answer."""

    reason = "BUDGET_SPENT"


class OverloadedError(TechnicError):
    """The service is at its bound of concurrent work."""

    reason = "OVERLOADED"
