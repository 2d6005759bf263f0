"""The JSON document of a scan. Pure: a report in, plain values out."""

import json
import math
from dataclasses import asdict
from typing import Any

from services.cli.answer import Row, ScanReport


def to_json(report: ScanReport, *, with_ledger: bool) -> str:
    """Return the document as text. Names are stable; a number that is not known is null.

    Args:
        report: of the scan.
        with_ledger: whether `omissions.list` is there; it was asked for.
    """
    return json.dumps(to_document(report, with_ledger=with_ledger), indent=2, allow_nan=False)


def to_document(report: ScanReport, *, with_ledger: bool) -> dict[str, Any]:
    """Return the document; null where a number is not known."""
    omissions: dict[str, Any] = {"counts": dict(report.omission_counts)}
    if with_ledger:
        omissions["list"] = [asdict(omission) for omission in report.omissions]
    document = {
        "scan_id": report.scan_id,
        "as_of": report.as_of,
        "provider": report.provider,
        "simulated": report.simulated,
        "provisional": report.provisional,
        "week_running": report.week_running,
        "reference_list_missing": report.reference_list_missing,
        "profile": report.profile,
        "style": report.style,
        "horizon": report.horizon,
        "plan_terms": None if report.plan_terms is None else asdict(report.plan_terms),
        "requested_count": report.requested_count,
        "scored_count": report.scored_count,
        "omitted_count": report.omitted_count,
        "budget_spent": report.budget_spent,
        "omissions": omissions,
        "rows": [_row(row) for row in report.rows],
        "shorts": [_row(row) for row in report.shorts],
        "regime": asdict(report.regime),
        "result_hash": report.result_hash,
        "timings": dict(report.timings),
        "provider_request_count": report.provider_request_count,
        "cache": {"hit_count": report.cache_hit_count, "miss_count": report.cache_miss_count},
        "sessions": {"ready": report.sessions_ready, "wanted": report.sessions_wanted},
        "versions": dict(report.versions),
        "coverage": asdict(report.coverage),
        "fetch_plan": None if report.fetch_plan is None else asdict(report.fetch_plan),
        "restated_symbols": list(report.restated_symbols),
        "notices": list(report.notices),
    }
    known: dict[str, Any] = _finite(document)
    return known


def _row(row: Row) -> dict[str, Any]:
    """Return a row; without `plan` where none was asked for."""
    return {name: value for name, value in asdict(row).items() if name != "plan" or value is not None}


def _finite(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Replace what JSON cannot say, NaN and infinities, by null, at any depth."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(member) for name, member in value.items()}
        case list() | tuple():
            return [_finite(member) for member in value]
    return value
