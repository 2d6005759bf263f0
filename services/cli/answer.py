"""What a scan answers, as the command's own values."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScanStart:
    """What will be scanned."""

    scan_id: str
    as_of: str
    provider: str
    simulated: bool
    requested_count: int


@dataclass(frozen=True, slots=True)
class ScanStep:
    """How far a scan, or a sync, has come.

    Args:
        stage: fetch, score or rank; or sync.
        unit: what is counted: sessions or symbols.
        done_count: units done in this stage.
        total_count: units in this stage.
        rate: units a second.
        eta_s: seconds until the stage ends; None if not known.
        elapsed_s: seconds since the scan began.
        budget_left_s: seconds of budget left; None without a budget.
        provider_request_count: calls to the provider so far.
        scored_count: symbols scored so far.
    """

    stage: str
    unit: str
    done_count: int
    total_count: int
    rate: float
    eta_s: float | None
    elapsed_s: float
    budget_left_s: float | None
    provider_request_count: int
    scored_count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A trade plan: prices in USD, shares and the cap that binds. Or, in `no_plan`, why there is none: NaN, 0, None."""

    entry: float
    stop: float
    target: float
    shares: int
    share_cap: str | None
    no_plan: str | None


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What trade plans were made with: USD, the part of it that a trade may lose, target over stop."""

    account_usd: float
    risk: float
    target_rr: float


@dataclass(frozen=True, slots=True)
class Row:
    """A ranked symbol. Alphas are fractions, close and market_cap USD; NaN is unknown; type and signal may be None.

    `plan` is None unless plans were asked for.
    """

    rank: int
    symbol: str
    name: str
    type: str | None
    sector: str
    score: float
    tech_rating: float
    signal: str | None
    alpha_5: float
    alpha_10: float
    close: float
    market_cap: float
    flags: tuple[str, ...]
    factors: Mapping[str, float]
    plan: Plan | None


@dataclass(frozen=True, slots=True)
class Omission:
    """A symbol that is left out, with the reason; for a filter its name, and the number or text that failed it.

    `value` is a count of sessions where bars were too few or too old. `close`: the last one, USD; None without any.
    """

    symbol: str
    reason: str
    value: float | None
    filter: str | None
    attribute: str | None
    close: float | None


@dataclass(frozen=True, slots=True)
class Regime:
    """The state of the market; None is unknown. `macro` holds fractions by name."""

    trend: str | None
    volatility: str | None
    macro: Mapping[str, float]
    missing_symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of how many of the requested symbols an attribute is known."""

    symbol_count: int
    type_count: int
    exchange_count: int
    sector_count: int
    market_cap_count: int
    industry_count: int


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """What was to be asked of the provider: calls for sessions and for symbols, why, and how long that takes."""

    session_call_count: int
    symbol_call_count: int
    reason: str
    least_seconds: float


@dataclass(frozen=True, slots=True)
class ScanReport:
    """A whole scan. requested_count = scored_count + omitted_count; `timings` are seconds by stage.

    `provisional`: as_of was still running. `week_running`: so was its week; None if no weekly factor was asked for.
    `reference_list_missing`: what traded on as_of stood in for the list, which did not come in time.
    `fetch_plan`: None if the budget ended before there was one.
    `shorts`: short candidates, if they are a list of their own. `horizon`: sessions that the style looks ahead.
    `plan_terms`: None if no trade plans were asked for.
    `restated_symbols`: those that the provider restated since the sessions of the scan were first stored.
    """

    scan_id: str
    as_of: str
    provider: str
    simulated: bool
    provisional: bool
    profile: str
    style: str
    horizon: int
    plan_terms: PlanTerms | None
    budget_spent: bool
    requested_count: int
    scored_count: int
    omitted_count: int
    omission_counts: Mapping[str, int]
    omissions: tuple[Omission, ...]
    rows: tuple[Row, ...]
    shorts: tuple[Row, ...]
    regime: Regime
    result_hash: str
    timings: Mapping[str, float]
    provider_request_count: int
    cache_hit_count: int
    cache_miss_count: int
    sessions_ready: int
    sessions_wanted: int
    versions: Mapping[str, str]
    notices: tuple[str, ...]
    coverage: Coverage
    fetch_plan: FetchPlan | None
    week_running: bool | None
    reference_list_missing: bool
    restated_symbols: tuple[str, ...]
