"""Turns the gateway's messages into the command's values, and back. Pure."""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Final

from google.protobuf.duration_pb2 import Duration

from services.cli.answer import (
    Coverage,
    FetchPlan,
    Omission,
    Plan,
    PlanTerms,
    Regime,
    Row,
    ScanReport,
    ScanStart,
    ScanStep,
)
from services.cli.options import ScanRequest
from services.market.vocabulary import Flag, NoPlan, Reason, ShareCap, Signal, SymbolType, Trend, Volatility
from technic.v1 import fetcher_service_pb2, vocabulary_pb2
from technic.v1 import gateway_service_pb2 as pb

_STAGES: Final = {
    1: ("fetch", "sessions"),
    2: ("score", "symbols"),
    3: ("rank", "symbols"),
    4: ("fetch", "symbols"),
}


def to_message(request: ScanRequest) -> pb.ScanUniverseRequest:
    """Turn a request into its message."""
    asked, plans = request.selection, request.plans
    budget = Duration()
    budget.FromNanoseconds(round(request.budget_s * 1e9))
    return pb.ScanUniverseRequest(
        symbols=request.symbols,
        types=[f"SYMBOL_TYPE_{kind.name}" for kind in request.types],
        as_of=request.as_of,
        budget=budget,
        top_count=request.top_count,
        profile=request.profile,
        include_ledger=request.include_ledger,
        include_running=request.include_running,
        factors=request.factors,
        style=request.style,
        filters=[pb.Filter(name=one.name, min=one.least, max=one.most) for one in asked.filters],
        exchanges=asked.exchanges,
        sectors=asked.sectors,
        industries=asked.industries,
        sort=pb.Sort(name=asked.sort.name, ascending=asked.sort.ascending) if asked.sort else None,
        max_per_sector=asked.max_per_sector,
        include_shorts=asked.include_shorts,
        plans=pb.PlanOptions(account_usd=plans.account_usd, risk=plans.risk) if plans else None,
    )


def to_start(accepted: pb.ScanAccepted) -> ScanStart:
    """Turn the first event into a value."""
    return ScanStart(
        scan_id=accepted.scan_id,
        as_of=accepted.as_of,
        provider=accepted.provider,
        simulated=accepted.simulated,
        requested_count=accepted.requested_count,
    )


def to_step(progress: pb.ScanProgress) -> ScanStep:
    """Turn progress into a value."""
    stage, unit = _STAGES.get(progress.stage, (f"stage {progress.stage}", "units"))
    return ScanStep(
        stage=stage,
        unit=unit,
        done_count=progress.done_count,
        total_count=progress.total_count,
        rate=progress.rate,
        eta_s=progress.eta_seconds if progress.HasField("eta_seconds") else None,
        elapsed_s=progress.elapsed_seconds,
        budget_left_s=progress.budget_left_seconds,
        provider_request_count=progress.provider_request_count,
        scored_count=progress.scored_count,
    )


def to_rows(batch: pb.RowBatch) -> Iterator[Row]:
    """Turn a batch into its rows.

    Raises:
        ValueError: its columns are not of equal length.
    """
    words = zip(batch.symbols, batch.names, batch.types, batch.sectors, batch.signals, batch.flags, strict=True)
    numbers = zip(
        batch.scores, batch.tech_ratings, batch.alpha_5, batch.alpha_10, batch.closes, batch.market_caps, strict=True
    )
    plans = _plans(batch.plans) if batch.HasField("plans") else (None,) * len(batch.symbols)
    rows = zip(words, numbers, plans, strict=True)
    for position, ((symbol, name, kind, sector, signal, flags), values, plan) in enumerate(rows):
        score, rating, alpha_5, alpha_10, close, market_cap = values
        yield Row(
            rank=batch.first_rank + position,
            symbol=symbol,
            name=name,
            type=_name(SymbolType, kind),
            sector=sector,
            score=score,
            tech_rating=rating,
            signal=_name(Signal, signal),
            alpha_5=alpha_5,
            alpha_10=alpha_10,
            close=close,
            market_cap=market_cap,
            flags=tuple(str(flag.name) for flag in Flag(flags)),
            factors={column.name: column.values[position] for column in batch.factors},
            plan=plan,
        )


def _plans(plans: pb.TradePlans) -> tuple[Plan, ...]:
    prices = zip(plans.entries, plans.stops, plans.targets, strict=True)
    sizes = zip(plans.shares, plans.share_caps, plans.no_plans, strict=True)
    return tuple(
        Plan(*price, shares, _name(ShareCap, cap), _name(NoPlan, none))
        for price, (shares, cap, none) in zip(prices, sizes, strict=True)
    )


def to_report(result: pb.ScanResult, rows: Sequence[Row], shorts: Sequence[Row] = ()) -> ScanReport:
    """Join the last event and the final rows into the report of a scan."""
    return ScanReport(
        scan_id=result.scan_id,
        as_of=result.as_of,
        provider=result.provider,
        simulated=result.simulated,
        provisional=result.provisional,
        reference_list_missing=result.reference_list_missing,
        week_running=result.week_running if result.HasField("week_running") else None,
        profile=result.profile,
        style=result.style,
        horizon=result.horizon,
        plan_terms=_plan_terms(result.plan_terms) if result.HasField("plan_terms") else None,
        budget_spent=result.budget_spent,
        requested_count=result.requested_count,
        scored_count=result.scored_count,
        omitted_count=result.omitted_count,
        omission_counts={_reason(one.reason, one.filter): one.count for one in result.omission_counts},
        omissions=tuple(_omission(one) for one in result.omissions),
        rows=tuple(rows),
        shorts=tuple(shorts),
        regime=_regime(result),
        result_hash=result.result_hash,
        timings={timing.stage: timing.seconds for timing in result.timings},
        provider_request_count=result.provider_request_count,
        cache_hit_count=result.cache_hit_count,
        cache_miss_count=result.cache_miss_count,
        sessions_ready=result.sessions_ready,
        sessions_wanted=result.sessions_wanted,
        versions={part: result.versions[part] for part in sorted(result.versions)},
        notices=tuple(result.notices),
        restated_symbols=tuple(result.restated_symbols),
        coverage=_coverage(result.coverage),
        fetch_plan=_fetch_plan(result.fetch_plan) if result.HasField("fetch_plan") else None,
    )


def _plan_terms(terms: pb.PlanTerms) -> PlanTerms:
    return PlanTerms(terms.account_usd, terms.risk, terms.target_rr)


def _fetch_plan(plan: fetcher_service_pb2.FetchPlan) -> FetchPlan:
    return FetchPlan(plan.session_call_count, plan.symbol_call_count, plan.reason, plan.least_seconds)


def _coverage(coverage: pb.AttributeCoverage) -> Coverage:
    return Coverage(
        symbol_count=coverage.symbol_count,
        type_count=coverage.type_count,
        exchange_count=coverage.exchange_count,
        sector_count=coverage.sector_count,
        market_cap_count=coverage.market_cap_count,
        industry_count=coverage.industry_count,
    )


def _regime(result: pb.ScanResult) -> Regime:
    macro = result.regime.macro
    return Regime(
        trend=_name(Trend, result.regime.trend),
        volatility=_name(Volatility, result.regime.volatility),
        macro={field: macro[field] for field in sorted(macro)},
        missing_symbols=tuple(result.regime.missing_symbols),
    )


def _omission(omission: vocabulary_pb2.Omission) -> Omission:
    return Omission(
        symbol=omission.symbol,
        reason=_reason(omission.reason, omission.filter),
        value=omission.value if omission.HasField("value") else None,
        filter=omission.filter or None,
        attribute=omission.attribute or None,
        close=omission.close if omission.HasField("close") else None,
    )


def _reason(reason: int, filtered: str) -> str:
    """Name a reason; a filter of a factor by that factor."""
    if reason == Reason.FILTERED_FACTOR:
        return f"FILTERED_{filtered.upper()}"
    return _name(Reason, reason) or "UNSPECIFIED"


def _name(kind: type[IntEnum], number: int) -> str | None:
    """Name a number of an enumeration: None for 0, which is unspecified; a newer gateway's number names itself."""
    if number == 0:
        return None
    return kind(number).name if number in set(kind) else f"{kind.__name__.upper()}_{number}"
