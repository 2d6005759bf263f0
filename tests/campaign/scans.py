"""One scan under a budget: when it was over, and whether its answer adds up."""

import time
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from services.rpc.status import from_call
from technic.v1 import gateway_service_pb2 as pb
from tests.campaign.fleet import Fleet

GRACE_S = 30.0
"""Seconds after the budget until a scan counts as hanging."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scan came to.

    Attributes:
        took_s: seconds from the call to the final message or error.
        kind: whole, partial, no rows, or the reason of a typed error.
        hash: of the result; empty for an error.
        fault: what is wrong with it; empty if nothing is.
    """

    took_s: float
    kind: str
    hash: str = ""
    fault: str = ""


async def timed_scan(fleet: Fleet, budget_s: float, **fields: Any) -> Answer:
    """Scan, and hold the ledger against what was requested."""
    budget = Duration()
    budget.FromNanoseconds(round(budget_s * 1e9))
    request = pb.ScanUniverseRequest(budget=budget, include_ledger=True, **fields)
    result, row_count = pb.ScanResult(), 0
    began = time.perf_counter()
    try:
        async for event in fleet.stub.ScanUniverse(request, timeout=budget_s + GRACE_S):
            if event.HasField("result"):
                result = event.result
            elif event.rows.final:
                row_count += len(event.rows.symbols)
    except grpc.aio.AioRpcError as error:
        failure = from_call(error, "gateway")
        took_s = time.perf_counter() - began
        fault = "" if failure.reason else f"an error without a reason: {failure.message}"
        return Answer(took_s, failure.reason or "untyped error", fault=fault)
    took_s = time.perf_counter() - began
    kind = "whole" if not result.budget_spent else "partial" if result.scored_count else "no rows"
    return Answer(took_s, kind, result.result_hash, _fault(result, row_count))


def _fault(result: pb.ScanResult, row_count: int) -> str:
    omitted = {omission.symbol for omission in result.omissions}
    if result.requested_count != result.scored_count + result.omitted_count:
        return "requested is not scored + omitted"
    if len(omitted) != result.omitted_count or len(result.omissions) != result.omitted_count:
        return "a symbol is omitted twice or not named"
    if row_count != min(result.scored_count, 100):
        return f"{row_count} rows of {result.scored_count} scored"
    return ""
