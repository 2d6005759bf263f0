"""A gateway that answers as the first requested symbol tells it to, and remembers what it was asked."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc

from services.market import errors
from technic.v1 import fetcher_service_pb2, gateway_service_pb2_grpc, vocabulary_pb2
from technic.v1 import gateway_service_pb2 as pb

NAN = float("nan")
SERVICE = "technic.v1.GatewayService"
EVIL_NAME = "[red]Evil\x1b[31m & Sons"
ERRORS = {
    kind.reason: kind("it is so", retry_after_s=2.0 if kind is errors.OverloadedError else None)
    for kind in (
        errors.InvalidRequestError,
        errors.LocalDataError,
        errors.BudgetSpentError,
        errors.ProviderPlanError,
        errors.ProviderRateLimitedError,
        errors.ProviderUnavailableError,
        errors.MalformedAnswerError,
        errors.ProviderAuthError,
        errors.ServiceUnavailableError,
        errors.OverloadedError,
        errors.ConfigMismatchError,
    )
}


class ScriptedGateway(gateway_service_pb2_grpc.GatewayServiceServicer):
    """Scripts: FINE, PARTIAL, EMPTY, TRADED, REAL (bars), RUNNING (provisional), HANG, CUT, CRASH, an error."""

    def __init__(self) -> None:
        self.requests: list[pb.ScanUniverseRequest] = []
        self.cancelled = asyncio.Event()

    async def ScanUniverse(  # noqa: N802  # the method's name in the proto
        self, request: pb.ScanUniverseRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        """Play the script."""
        self.requests.append(request)
        script = request.symbols[0] if request.symbols else "FINE"
        if script in ERRORS:
            raise ERRORS[script]
        if script == "CRASH":
            raise RuntimeError("hunter2")
        try:
            for event in opening():
                await context.write(event)
            await asyncio.sleep(60 if script == "HANG" else 0)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if script != "CUT":
            for event in ending(script, ledger=request.include_ledger):
                await context.write(event)


def opening() -> Iterator[pb.ScanUniverseResponse]:
    """Yield what comes before rows."""
    accepted = pb.ScanAccepted(
        scan_id="00112233aabbccdd", as_of="2025-09-30", provider="simulated", simulated=True, requested_count=5
    )
    yield pb.ScanUniverseResponse(accepted=accepted)
    stages = pb.ScanProgress
    for stage, done, total in (
        (stages.STAGE_FETCH, 0, 300),
        (stages.STAGE_FETCH, 120, 300),
        (stages.STAGE_SCORE, 3, 5),
        (stages.STAGE_RANK, 5, 5),
    ):
        progress = pb.ScanProgress(
            stage=stage,
            done_count=done,
            total_count=total,
            rate=60.0,
            eta_seconds=3.0 if done else None,
            elapsed_seconds=2.0,
            budget_left_seconds=88.0,
            provider_request_count=done,
            scored_count=done,
        )
        yield pb.ScanUniverseResponse(progress=progress)


def ending(script: str, *, ledger: bool) -> Iterator[pb.ScanUniverseResponse]:
    """Yield rows and the result."""
    provisional = rows()
    provisional.final = False
    yield pb.ScanUniverseResponse(rows=provisional)
    if script != "EMPTY":
        yield pb.ScanUniverseResponse(rows=traded_rows() if script == "TRADED" else rows())
    if script == "TRADED":
        yield pb.ScanUniverseResponse(rows=shorts())
    yield pb.ScanUniverseResponse(result=result(script, ledger=ledger))


def rows() -> pb.RowBatch:
    """Return three rows, the last of which knows little."""
    return pb.RowBatch(
        final=True,
        first_rank=1,
        symbols=["AAA", "BRK.B", "ZZZ"],
        names=["Alpha Corporation of a Very Long Name Indeed", EVIL_NAME, ""],
        types=[vocabulary_pb2.SYMBOL_TYPE_COMMON, vocabulary_pb2.SYMBOL_TYPE_ADR, vocabulary_pb2.SYMBOL_TYPE_UNKNOWN],
        sectors=["Technology", "Finance", ""],
        scores=[97.25, 50.0, 1.5],
        tech_ratings=[23.0, -3.0, NAN],
        signals=[vocabulary_pb2.SIGNAL_STRONG_LONG, vocabulary_pb2.SIGNAL_AVOID, vocabulary_pb2.SIGNAL_UNSPECIFIED],
        alpha_5=[0.0123, -0.001, NAN],
        alpha_10=[0.02, 0.0, NAN],
        closes=[1234.5, 0.1234, 10.0],
        market_caps=[1e12, NAN, NAN],
        flags=[0, 0b10000, (1 << 0) | (1 << 10)],
        factors=[pb.FactorColumn(name="trend", values=[3.0, 0.0, NAN])],
    )


def traded_rows() -> pb.RowBatch:
    """Return the rows with trade plans: one, and two reasons why there is none."""
    batch = rows()
    batch.plans.CopyFrom(
        pb.TradePlans(
            entries=[1236.0, NAN, NAN],
            stops=[1200.5, NAN, NAN],
            targets=[1307.0, NAN, NAN],
            shares=[2, 0, 0],
            share_caps=[vocabulary_pb2.SHARE_CAP_RISK, *[vocabulary_pb2.SHARE_CAP_UNSPECIFIED] * 2],
            no_plans=[
                vocabulary_pb2.NO_PLAN_UNSPECIFIED,
                vocabulary_pb2.NO_PLAN_NO_SIGNAL,
                vocabulary_pb2.NO_PLAN_MISSING_DATA,
            ],
        )
    )
    return batch


def shorts() -> pb.RowBatch:
    """Return a short candidate with its plan."""
    return pb.RowBatch(
        final=True,
        shorts=True,
        first_rank=1,
        symbols=["DOWN"],
        names=["Down Inc"],
        types=[vocabulary_pb2.SYMBOL_TYPE_COMMON],
        sectors=["Energy"],
        scores=[0.5],
        tech_ratings=[-23.0],
        signals=[vocabulary_pb2.SIGNAL_STRONG_SHORT],
        alpha_5=[-0.01],
        alpha_10=[-0.02],
        closes=[0.5],
        market_caps=[1e9],
        flags=[0],
        factors=[pb.FactorColumn(name="trend", values=[-3.0])],
        plans=pb.TradePlans(
            entries=[0.495],
            stops=[0.5512],
            targets=[0.3826],
            shares=[1779],
            share_caps=[vocabulary_pb2.SHARE_CAP_RISK],
            no_plans=[vocabulary_pb2.NO_PLAN_UNSPECIFIED],
        ),
    )


def result(script: str, *, ledger: bool) -> pb.ScanResult:
    """Return the result that closes a scan of five symbols."""
    reasons = (vocabulary_pb2.OMISSION_REASON_NO_DATA, vocabulary_pb2.OMISSION_REASON_FILTERED_PRICE)
    omissions = [
        vocabulary_pb2.Omission(symbol="NONE", reason=reasons[0]),
        vocabulary_pb2.Omission(symbol="CHEAP", reason=reasons[1], value=0.5, filter="close", close=0.5),
    ]
    return pb.ScanResult(
        scan_id="00112233aabbccdd",
        as_of="2025-09-30",
        provider="massive" if script == "REAL" else "simulated",
        simulated=script != "REAL",
        provisional=script == "RUNNING",
        profile="none",
        style="position" if script == "TRADED" else "swing",
        horizon=10,
        plan_terms=pb.PlanTerms(account_usd=10_000, risk=0.01, target_rr=3) if script == "TRADED" else None,
        budget_spent=script == "PARTIAL",
        requested_count=5,
        scored_count=3,
        omitted_count=2,
        omission_counts=[pb.OmissionCount(reason=reason, count=1) for reason in reasons],
        omissions=omissions if ledger else [],
        regime=vocabulary_pb2.Regime(
            trend=vocabulary_pb2.Regime.TREND_UP, macro={"spy_vol": NAN, "qqq_spy": 0.1}, missing_symbols=["VIXY"]
        ),
        result_hash="ab" * 32,
        timings=[pb.StageTiming(stage="fetch", seconds=1.25), pb.StageTiming(stage="total", seconds=2.0)],
        provider_request_count=302,
        cache_hit_count=1,
        cache_miss_count=299,
        sessions_ready=300,
        sessions_wanted=300,
        versions={"technic": "0.1.0", "config": "cd" * 32, "model": f"alpha@1 {'ef' * 32}"},
        notices=["models did not answer"],
        fetch_plan=fetcher_service_pb2.FetchPlan(session_call_count=2, reason="2 sessions of the whole market"),
        coverage=pb.AttributeCoverage(
            symbol_count=6000,
            type_count=5990,
            exchange_count=5980,
            sector_count=40,
            market_cap_count=3,
            industry_count=2,
        ),
    )
