"""Structured logs: one JSON object a line on stderr, with the scan's id in every line of every service."""

import logging
import os
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

SCAN_ID = "scan_id"
SCAN_ID_METADATA = "x-scan-id"
"""Metadata key that carries the scan's id from service to service."""


def configure(service: str, level: str) -> None:
    """Send structlog's events to stderr as JSON, from `level` upwards, each with the name of the service."""
    # The core of gRPC writes lines of its own, no JSON, for every handshake that fails. It looks here when it loads.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without local variables: one of them may be a secret, or a panel.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)


def bind_scan(scan_id: str) -> None:
    """Put `scan_id` into every later log line of this task and of the calls that it makes."""
    structlog.contextvars.bind_contextvars(**{SCAN_ID: scan_id})


def scan_metadata() -> tuple[tuple[str, str], ...]:
    """Return the metadata of an outgoing call: the scan's id, if this task works for one."""
    scan_id = structlog.contextvars.get_contextvars().get(SCAN_ID)
    return ((SCAN_ID_METADATA, scan_id),) if scan_id else ()
