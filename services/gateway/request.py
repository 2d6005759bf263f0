"""What a scan is asked for: the message, validated, with its defaults filled in."""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from services.market.errors import InvalidRequestError
from services.market.vocabulary import DEFAULT_TYPES, SymbolType
from services.market.weeks import WEEKLY_PREFIX
from technic.v1 import gateway_service_pb2 as pb

SYMBOL_LIMIT = 20_000
BUDGET_LIMIT_S = 3600.0
DEFAULT_BUDGET_S = 90.0
DEFAULT_TOP_COUNT = 100


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """A request that can be answered.

    Attributes:
        symbols: as spelled by the caller, without duplicates; empty for the provider's whole list.
        types: types to scan.
        as_of: ISO date, not yet resolved; empty for the newest completed session.
        budget_s: seconds for the whole scan.
        top_count: rows to return; 0 for all.
        profile: name of a risk profile that exists.
        include_ledger: whether every omission is listed.
        factors: names of factors to return; not yet checked, the scorer knows them.
        include_running: whether the session that runs now counts as the newest one.
    """

    symbols: tuple[str, ...]
    types: frozenset[SymbolType]
    as_of: str
    budget_s: float
    top_count: int
    profile: str
    include_ledger: bool
    factors: tuple[str, ...]
    include_running: bool = False

    @property
    def weekly(self) -> bool:
        """Whether a factor over weeks is asked for, which takes more sessions."""
        return any(name.startswith(WEEKLY_PREFIX) for name in self.factors)


def parse(message: pb.ScanUniverseRequest, profiles: Collection[str]) -> ScanRequest:
    """Validate a message.

    Raises:
        InvalidRequestError: names the field at fault and what would be right.
    """
    if len(message.symbols) > SYMBOL_LIMIT:
        raise InvalidRequestError(f"symbols: {len(message.symbols)} given, at most {SYMBOL_LIMIT} are possible")
    if not all(message.symbols):
        raise InvalidRequestError("symbols: one of them is empty")
    budget_s = DEFAULT_BUDGET_S
    if message.HasField("budget"):
        budget_s = message.budget.ToNanoseconds() / 1e9
    if not 0 < budget_s <= BUDGET_LIMIT_S:
        raise InvalidRequestError(f"budget: {budget_s:g} s is not above 0 and at most {BUDGET_LIMIT_S:g} s")
    top_count = message.top_count if message.HasField("top_count") else DEFAULT_TOP_COUNT
    if top_count < 0:
        raise InvalidRequestError(f"top_count: {top_count} is below 0; 0 asks for all rows")
    profile = message.profile or "none"
    require_known("profile", [profile], profiles)
    return ScanRequest(
        symbols=tuple(dict.fromkeys(message.symbols)),
        types=_types(message),
        as_of=message.as_of,
        budget_s=budget_s,
        top_count=top_count,
        profile=profile,
        include_ledger=message.include_ledger,
        factors=tuple(dict.fromkeys(message.factors)),
        include_running=message.include_running,
    )


def require_known(field: str, names: Iterable[str], known: Collection[str]) -> None:
    """Check names against the known ones.

    Raises:
        InvalidRequestError: a name is unknown; the text suggests the nearest one.
    """
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
            raise InvalidRequestError(f"{field}: {name!r} is unknown; {hint}")


def _types(message: pb.ScanUniverseRequest) -> frozenset[SymbolType]:
    """Return the types asked for: by default the stocks of the whole list, or whatever type given symbols have."""
    try:
        types = frozenset(SymbolType(number) for number in message.types)
    except ValueError as error:
        raise InvalidRequestError(f"types: {error}") from None
    return types or (frozenset(SymbolType) if message.symbols else DEFAULT_TYPES)
