"""What a refusal of the provider means: from status, headers and body to a typed error."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from services.fetcher.provider.parse import error_text
from services.market.errors import (
    InvalidRequestError,
    MalformedAnswerError,
    ProviderAuthError,
    ProviderPlanError,
    ProviderRateLimitedError,
    ProviderUnavailableError,
    TechnicError,
)

LONGEST_RETRY_AFTER_S: Final = 3600.0
"""A Retry-After beyond this counts as this: a wrong header must not silence the fetcher for days."""


class AbsentError(InvalidRequestError):
    """The provider has nothing at this path (404)."""


_FINAL: Final[Mapping[int, tuple[type[TechnicError], str]]] = {
    401: (ProviderAuthError, "The provider refused the key"),
    403: (ProviderPlanError, "The provider's plan does not include this"),
    404: (AbsentError, "The provider has nothing at this path"),
}


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, secret: str, spacing_s: float) -> TechnicError:
    """Return the error that an answer with a status other than 200 stands for, with the provider's own words.

    Args:
        status: HTTP status.
        headers: of the answer, found in any case.
        body: plain.
        secret: blotted out in the provider's words.
        spacing_s: seconds to wait after a 429 that does not say how long.
    """
    words = error_text(body, secret)
    said = f": {words}" if words else ""
    if status in _FINAL:
        kind, meaning = _FINAL[status]
        return kind(meaning + said)
    wait_s = retry_after_s(headers)
    if status == 429:
        return ProviderRateLimitedError(
            f"The provider's rate limit was reached{said}", retry_after_s=wait_s or spacing_s
        )
    if status >= 500:
        return ProviderUnavailableError(f"The provider failed with status {status}{said}", retry_after_s=wait_s)
    if status >= 400:
        return InvalidRequestError(f"The provider refused the request with status {status}{said}")
    return MalformedAnswerError(f"The provider answered with status {status}, which is not followed")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return Retry-After in seconds, given as such or as a date; None for none or nonsense."""
    text = headers.get("Retry-After", "")
    try:
        if text[:1].isdigit() and text[-1:].isdigit():
            wait_s = float(text)
        else:
            # Counted from the provider's own clock: ours may be another one.
            wait_s = (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)
