"""A scan's events as messages: accepted, progress, batches of rows, the result."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from services.gateway.ledger import counts
from services.gateway.result_hash import SUB_SCORES
from services.gateway.universe import Attributes, FetchPlan
from services.market.vocabulary import Reason
from services.rpc.wire import number, omission_to_message, regime_to_message
from technic.v1 import fetcher_service_pb2
from technic.v1 import gateway_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from services.gateway.outcome import Accepted, Outcome, Preview
    from services.gateway.plans import Plans
    from services.gateway.progress import Progress
    from services.gateway.request import ScanRequest

BATCH_BYTES = 1024 * 1024
PREVIEW_ROWS = 100
ROW_BYTES = 300
"""Bytes of a row without factors, generously: symbol, name, sector and numbers."""
PLAN_COLUMNS = 6
"""Columns of numbers that a trade plan takes."""


def accepted(scan_id: str, event: Accepted) -> pb.ScanUniverseResponse:
    """Tell what will be scanned."""
    message = pb.ScanAccepted(
        scan_id=scan_id,
        as_of=event.listing.as_of,
        provider=event.listing.provider,
        simulated=event.listing.simulated,
        requested_count=event.requested_count,
        fetch_plan=_fetch_plan(event.listing.plan),
        provisional=event.listing.provisional,
    )
    return pb.ScanUniverseResponse(accepted=message)


def progress(state: Progress, budget_s: float) -> pb.ScanUniverseResponse:
    """Tell how far the scan is."""
    message = pb.ScanProgress(
        stage=number(state.stage),
        done_count=state.done_count,
        total_count=state.total_count,
        rate=state.rate,
        eta_seconds=state.eta_s,
        elapsed_seconds=state.elapsed_s,
        budget_left_seconds=max(0.0, budget_s - state.elapsed_s),
        provider_request_count=state.request_count,
        scored_count=state.scored_count,
        cache_hit_count=state.hit_count,
    )
    return pb.ScanUniverseResponse(progress=message)


def row_batches(outcome: Outcome, request: ScanRequest) -> Iterator[pb.ScanUniverseResponse]:
    """Give the first `top_count` rows of each list, best first, in batches; one empty batch if there is no row."""
    lists = [outcome.ranking.order[: request.top_count or None]]
    if request.selection.include_shorts:
        lists.append(outcome.ranking.shorts[: request.top_count or None])
    size = batch_size(len(SUB_SCORES) + len(request.factors) + (PLAN_COLUMNS if outcome.plans else 0))
    for shorts, order in enumerate(lists):
        for start in range(0, max(1, len(order)), size):
            batch = _row_batch(outcome, request.factors, order[start : start + size])
            batch.final, batch.first_rank, batch.shorts = True, start + 1, bool(shorts)
            if outcome.plans:
                batch.plans.CopyFrom(_plans(outcome.plans, order[start : start + size]))
            yield pb.ScanUniverseResponse(rows=batch)


def preview(seen: Preview, request: ScanRequest) -> pb.ScanUniverseResponse:
    """Give the best rows so far, provisional ones, in one batch."""
    order = seen.ranking.order[: min(request.top_count or PREVIEW_ROWS, PREVIEW_ROWS)]
    batch = _row_batch(seen, request.factors, order)
    batch.first_rank = 1
    return pb.ScanUniverseResponse(rows=batch)


def batch_size(column_count: int) -> int:
    """Return how many rows with so many columns of factors and plans stay under 1 MiB."""
    return BATCH_BYTES // (ROW_BYTES + 8 * column_count)


def _row_batch(outcome: Outcome | Preview, factors: tuple[str, ...], rows: np.ndarray) -> pb.RowBatch:
    candidates, ranking = outcome.candidates, outcome.ranking
    symbols = [candidates.symbols[row] for row in rows]
    known = [outcome.listing.attributes.get(symbol, Attributes()) for symbol in symbols]
    columns = candidates.columns
    return pb.RowBatch(
        symbols=symbols,
        names=[it.name for it in known],
        types=[number(it.type) for it in known],
        sectors=[it.sector for it in known],
        scores=ranking.scores[rows],
        tech_ratings=columns["tech_rating"][rows],
        signals=ranking.signals[rows].tolist(),
        alpha_5=candidates.number("alpha_5")[rows],
        alpha_10=candidates.number("alpha_10")[rows],
        closes=columns["close"][rows],
        market_caps=candidates.market_caps[rows],
        flags=ranking.flags[rows].tolist(),
        factors=[
            pb.FactorColumn(name=name, values=columns[name][rows])
            for name in dict.fromkeys((*SUB_SCORES, *factors))
            if name in columns
        ],
    )


def _plans(plans: Plans, rows: np.ndarray) -> pb.TradePlans:
    return pb.TradePlans(
        entries=plans.entries[rows],
        stops=plans.stops[rows],
        targets=plans.targets[rows],
        shares=plans.shares[rows].tolist(),
        share_caps=plans.share_caps[rows].tolist(),
        no_plans=plans.no_plans[rows].tolist(),
    )


def result(
    scan_id: str, request: ScanRequest, outcome: Outcome, timings: Mapping[str, float], technic_version: str
) -> pb.ScanUniverseResponse:
    """Tell what the scan did."""
    fetch, omissions = outcome.fetch, outcome.omissions
    by_reason = counts(omissions)
    # No version that the result depends on: the same bars give the same result from any store.
    store = {"store": outcome.listing.store} if outcome.listing.store else {}
    message = pb.ScanResult(
        scan_id=scan_id,
        as_of=outcome.listing.as_of,
        provider=outcome.listing.provider,
        simulated=outcome.listing.simulated,
        profile=request.profile,
        budget_spent=_ran_out(outcome, request, by_reason),
        requested_count=outcome.universe.requested_count,
        scored_count=len(outcome.ranking.rows),
        omitted_count=len(omissions),
        omission_counts=[
            pb.OmissionCount(reason=number(reason), count=count, filter=name)
            for (reason, name), count in by_reason.items()
        ],
        omissions=[omission_to_message(omission) for omission in omissions] if request.include_ledger else [],
        regime=regime_to_message(outcome.regime),
        result_hash=outcome.hash,
        timings=[pb.StageTiming(stage=stage, seconds=seconds) for stage, seconds in timings.items()],
        provider_request_count=fetch.request_total,
        cache_hit_count=outcome.listing.hit_count,
        cache_miss_count=max(0, fetch.wanted_count - outcome.listing.hit_count),
        sessions_ready=fetch.ready_count,
        sessions_wanted=fetch.wanted_count,
        versions={"technic": technic_version} | outcome.versions | store,
        notices=outcome.notices,
        fetch_plan=_fetch_plan(fetch.decided),
        provisional=outcome.listing.provisional,
        week_running=outcome.week_running,
        reference_list_missing=outcome.listing.is_stand_in,
        style=request.style,
        horizon=outcome.horizon,
        plan_terms=pb.PlanTerms(**asdict(outcome.plans.terms)) if outcome.plans else None,
        restated_symbols=fetch.restated,
        coverage=pb.AttributeCoverage(**outcome.universe.coverage._asdict()),
    )
    return pb.ScanUniverseResponse(result=message)


def _ran_out(outcome: Outcome, request: ScanRequest, by_reason: Mapping[tuple[Reason, str], int]) -> bool:
    """Tell whether there would be more with more time: symbols, sessions, or the list that names all of them."""
    unnamed = outcome.listing.is_stand_in and not request.symbols
    return unnamed or (Reason.BUDGET_SPENT, "") in by_reason or outcome.fetch.ready_count < outcome.fetch.wanted_count


def _fetch_plan(plan: FetchPlan | None) -> fetcher_service_pb2.FetchPlan | None:
    if plan is None:
        return None
    return fetcher_service_pb2.FetchPlan(
        session_call_count=plan.session_count,
        symbol_call_count=plan.symbol_count,
        reason=plan.reason,
        least_seconds=plan.least_s,
    )
