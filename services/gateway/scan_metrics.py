"""The gateway's own numbers: scans, and what became of their symbols."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import grpc
from prometheus_client import Counter, Gauge, Histogram

from services.market.errors import TechnicError
from technic.v1 import vocabulary_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry

    from technic.v1 import gateway_service_pb2 as pb

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 90.0)
OVERRUN: Final = (0.0, 0.1, 1.0, 5.0)
"""Bounds in seconds; 0.1 is what the gateway promises."""
_PREFIX: Final = len("OMISSION_REASON_")


class ScanMetrics:
    """Counts scans; a few microseconds each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._scans = Counter(
            "technic_scans", "Scans, by outcome: whole, partial, or why none.", ("outcome",), registry=registry
        )
        self._symbols = Counter(
            "technic_scan_symbols",
            "Symbols of scans, by outcome: scored, or why omitted.",
            ("outcome",),
            registry=registry,
        )
        self._seconds = Histogram("technic_scan_seconds", "Seconds of a scan.", buckets=SECONDS, registry=registry)
        self._overrun = Histogram(
            "technic_scan_overrun_seconds", "Seconds of a scan beyond its budget.", buckets=OVERRUN, registry=registry
        )
        self._running = Gauge("technic_scans_running", "Scans that run now.", registry=registry)

    @contextmanager
    def scan(self) -> Iterator[None]:
        """Count a scan that runs inside of this, and why there is no result if there is none."""
        self._running.inc()
        try:
            yield
        except TechnicError as error:
            self._scans.labels(error.reason).inc()
            raise
        except (asyncio.CancelledError, grpc.aio.InternalError):
            # The second is a write to a caller who has gone.
            self._scans.labels("CANCELLED").inc()
            raise
        except Exception:
            self._scans.labels(TechnicError.reason).inc()
            raise
        finally:
            self._running.dec()

    def answered(self, result: pb.ScanResult, seconds: float, budget_s: float) -> None:
        """Count a result and what became of the symbols."""
        self._scans.labels("PARTIAL" if result.budget_spent else "WHOLE").inc()
        self._seconds.observe(seconds)
        self._overrun.observe(max(0.0, seconds - budget_s))
        self._symbols.labels("SCORED").inc(result.scored_count)
        for omitted in result.omission_counts:
            reason = vocabulary_pb2.OmissionReason.Name(omitted.reason)[_PREFIX:]
            self._symbols.labels(reason).inc(omitted.count)
