"""Exit codes of errors."""

import pytest

from services.cli.exits import exit_code
from services.market import errors
from services.market.errors import TechnicError


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InvalidRequestError, 2),
        (errors.LocalDataError, 2),
        (errors.BudgetSpentError, 3),
        (errors.ProviderPlanError, 4),
        (errors.ProviderRateLimitedError, 4),
        (errors.ProviderUnavailableError, 4),
        (errors.MalformedAnswerError, 4),
        (errors.ProviderAuthError, 5),
        (errors.TokenRefusedError, 77),
        (errors.RoleRefusedError, 77),
        (errors.PeerRefusedError, 70),
        (errors.ServiceUnavailableError, 69),
        (errors.OverloadedError, 69),
        (errors.ConfigMismatchError, 70),
        (errors.CalendarEndedError, 70),
        (TechnicError, 70),
    ],
)
def test_every_error_has_its_code(kind: type[TechnicError], code: int) -> None:
    assert exit_code(kind("it is so")) == code
