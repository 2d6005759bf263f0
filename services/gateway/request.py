"""What a scan is asked for: the message, validated, with its defaults filled in."""

import difflib
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from services.gateway.selection import EVERYTHING, NUMBERS, TEXTS, Filter, PlanOptions, Selection, Sort
from services.market.errors import InvalidRequestError
from services.market.scoring import ScoringConfig
from services.market.trading import DEFAULT_PROFILE, DEFAULT_STYLE
from services.market.vocabulary import DEFAULT_TYPES, SymbolType
from services.market.weeks import WEEKLY_PREFIX
from technic.v1 import gateway_service_pb2 as pb

SYMBOL_LIMIT = 20_000
BUDGET_LIMIT_S = 3600.0
DEFAULT_BUDGET_S = 90.0
DEADLINE_MARGIN_S = 0.1
"""Seconds of a call that a budget leaves for the last message, or half of what there is if that is less."""
DEFAULT_TOP_COUNT = 100
FILTER_LIMIT = 100
ACCOUNT_LIMIT_USD = 1e12


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
        style: name of a trade style that exists.
        selection: which rows, in which order; its names are not yet checked.
        plans: what trade plans are sized by; None for no plans.
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
    style: str = DEFAULT_STYLE
    selection: Selection = EVERYTHING
    plans: PlanOptions | None = None

    @property
    def weekly(self) -> bool:
        """Whether a factor over weeks is asked for, to return or to select by, which takes more sessions."""
        return any(name.startswith(WEEKLY_PREFIX) for name in (*self.factors, *self.selection.columns))


def parse(message: pb.ScanUniverseRequest, config: ScoringConfig) -> ScanRequest:
    """Validate a message.

    Args:
        message: as it came.
        config: knows the profiles and styles.

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
    profile, style = message.profile or DEFAULT_PROFILE, message.style or DEFAULT_STYLE
    require_known("profile", [profile], config.profiles)
    require_known("style", [style], config.styles)
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
        style=style,
        selection=_selection(message),
        plans=_plans(message.plans) if message.HasField("plans") else None,
    )


def within(request: ScanRequest, left_s: float | None) -> ScanRequest:
    """Return a request whose budget is no longer than the call that brought it; `left_s` is None without a deadline."""
    if left_s is None:
        return request
    ends_s = max(0.0, left_s - DEADLINE_MARGIN_S, left_s / 2)
    return replace(request, budget_s=min(request.budget_s, ends_s))


def require_names(request: ScanRequest, columns: Collection[str]) -> None:
    """Check the names of factors, filters and the order.

    Args:
        request: as parsed.
        columns: names of the scorer's columns and of the ranks.

    Raises:
        InvalidRequestError: a name is unknown; the text suggests the nearest one.
    """
    require_known("factors", request.factors, columns)
    numbers = (*NUMBERS, *columns)
    require_known("filters", (it.name for it in request.selection.filters), numbers)
    if request.selection.sort:
        require_known("sort", [request.selection.sort.name], (*TEXTS, *numbers))


def spelled(field: str, names: Iterable[str], known: Collection[str]) -> tuple[str, ...]:
    """Return names as the known ones are spelled, in whatever case they were given.

    Raises:
        InvalidRequestError: a name is unknown; the text suggests the nearest one.
    """
    spellings = {name.casefold(): name for name in known if name}
    found = [spellings.get(name.casefold(), name) for name in names]
    require_known(field, found, spellings.values())
    return tuple(found)


def require_known(field: str, names: Iterable[str], known: Collection[str]) -> None:
    """Check names against the known ones.

    Raises:
        InvalidRequestError: a name is unknown; the text suggests the nearest one.
    """
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
            raise InvalidRequestError(f"{field}: {name!r} is unknown; {hint}")


def _types(message: pb.ScanUniverseRequest) -> frozenset[SymbolType]:
    """Return the types asked for: by default the stocks of the whole list, or whatever type given symbols have."""
    try:
        types = frozenset(SymbolType(number) for number in message.types)
    except ValueError as error:
        raise InvalidRequestError(f"types: {error}") from None
    return types or (frozenset(SymbolType) if message.symbols else DEFAULT_TYPES)


def _selection(message: pb.ScanUniverseRequest) -> Selection:
    if len(message.filters) > FILTER_LIMIT:
        raise InvalidRequestError(f"filters: {len(message.filters)} given, at most {FILTER_LIMIT} are possible")
    if message.max_per_sector < 0:
        raise InvalidRequestError(f"max_per_sector: {message.max_per_sector} is below 0; 0 is no bound")
    return Selection(
        filters=tuple(_filter(one) for one in message.filters),
        exchanges=tuple(dict.fromkeys(message.exchanges)),
        sectors=tuple(dict.fromkeys(message.sectors)),
        industries=tuple(dict.fromkeys(message.industries)),
        sort=Sort(message.sort.name, message.sort.ascending) if message.HasField("sort") else None,
        max_per_sector=message.max_per_sector,
        include_shorts=message.include_shorts,
    )


def _filter(message: pb.Filter) -> Filter:
    least = message.min if message.HasField("min") else None
    most = message.max if message.HasField("max") else None
    if least is None and most is None:
        raise InvalidRequestError(f"filters: {message.name!r} has no bound: give min, max or both")
    # Not `>`: NaN is a bound of nothing.
    if not (-math.inf if least is None else least) <= (math.inf if most is None else most):
        raise InvalidRequestError(f"filters: {message.name!r} has no value from {least} to {most}")
    return Filter(message.name, least, most)


def _plans(message: pb.PlanOptions) -> PlanOptions:
    account_usd = message.account_usd if message.HasField("account_usd") else None
    risk = message.risk if message.HasField("risk") else None
    if account_usd is not None and not 0 < account_usd <= ACCOUNT_LIMIT_USD:
        raise InvalidRequestError(
            f"plans.account_usd: {account_usd:g} is not above 0 and at most {ACCOUNT_LIMIT_USD:g}"
        )
    if risk is not None and not 0 < risk <= 1:
        raise InvalidRequestError(f"plans.risk: {risk:g} is not above 0 and at most 1: 0.01 is 1 %")
    return PlanOptions(account_usd, risk)
