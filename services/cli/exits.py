"""What the process says with its exit code."""

from typing import Final

from services.market import errors
from services.market.errors import TechnicError

OK: Final = 0
USAGE: Final = 2
PARTIAL: Final = 3
"""The budget was spent: what is ranked is right, but not everything is there."""
PROVIDER: Final = 4
AUTH: Final = 5
DAMAGED: Final = 65
"""`technic data verify` found damaged rows and put them aside; the next sync fetches them again."""
UNAVAILABLE: Final = 69
INTERNAL: Final = 70
REFUSED: Final = 77
"""The service wants a token, or one of another role."""
CANCELLED: Final = 130
HEALTH_USAGE: Final = 1
"""Wrong flags of `technic health`, as grpc_health_probe has it."""

_CODES: Final[dict[type[TechnicError], int]] = {
    errors.InvalidRequestError: USAGE,
    errors.LocalDataError: USAGE,
    errors.BudgetSpentError: PARTIAL,
    errors.ProviderPlanError: PROVIDER,
    errors.ProviderRateLimitedError: PROVIDER,
    errors.ProviderUnavailableError: PROVIDER,
    errors.MalformedAnswerError: PROVIDER,
    errors.ProviderAuthError: AUTH,
    errors.TokenRefusedError: REFUSED,
    errors.RoleRefusedError: REFUSED,
    errors.ServiceUnavailableError: UNAVAILABLE,
    errors.OverloadedError: UNAVAILABLE,
}


def exit_code(error: TechnicError) -> int:
    """Return the exit code of a command that failed with `error`; INTERNAL for what a user cannot mend."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), INTERNAL)
