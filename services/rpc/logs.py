"""Structured logs: one JSON object a line on stderr, with the scan's id in every line of every service."""

import logging
import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING

import structlog
from structlog.tracebacks import ExceptionDictTransformer

SCAN_ID = "scan_id"
SCAN_ID_METADATA = "x-scan-id"
"""Metadata key that carries the scan's id from service to service."""


if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger


def configure(service: str, level: str) -> None:
    """Send events to stderr as JSON, from `level` upwards, each with the name of the service.

    So goes what libraries log or warn of, and an exception that ends the process. To be called before grpc is loaded,
    which else writes lines of its own.
    """

    def name(_: "WrappedLogger", __: str, event: "EventDict") -> "EventDict":
        """Name the service; not by a contextvar, which threads of a pool do not have."""
        event["service"] = service
        return event

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            name,
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
    logging.basicConfig(handlers=[_LibraryLines()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_last


class _LibraryLines(logging.Handler):
    """Passes on what libraries log by Python's own logging."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        say = log.error if record.levelno >= logging.ERROR else log.warning
        say("library", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)


def _log_last(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.get_logger().critical("process_failed", exc_info=(kind, error, trace))


def bind_scan(scan_id: str) -> None:
    """Put `scan_id` into every later log line of this task and of the calls that it makes."""
    structlog.contextvars.bind_contextvars(**{SCAN_ID: scan_id})


def scan_metadata() -> tuple[tuple[str, str], ...]:
    """Return the metadata of an outgoing call: the scan's id, if this task works for one."""
    scan_id = structlog.contextvars.get_contextvars().get(SCAN_ID)
    return ((SCAN_ID_METADATA, scan_id),) if scan_id else ()
