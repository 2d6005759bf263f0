"""The scan command, from a stack or an address to a report on stdout."""

import asyncio
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from services.cli import exits
from services.cli.answer import ScanReport
from services.cli.client import scan_universe
from services.cli.options import Form, ScanRequest
from services.cli.output import write_report
from services.cli.progress import ProgressView, open_view
from services.cli.readiness import wait_until_ready
from services.cli.sparkline import RETURNS
from services.cli.stack import Stack
from services.cli.target import Target
from services.market.errors import ServiceUnavailableError

_BLAME_S: Final = 0.5
_BLAME_TRIES: Final = 25


@dataclass(frozen=True, slots=True)
class ScanCommand:
    """A scan to be done and shown.

    Args:
        request: what the gateway is asked for.
        form: how the report is written.
        out: file that takes it; None for stdout.
        target: the gateway.
    """

    request: ScanRequest
    form: Form
    out: Path | None
    target: Target


def run(command: ScanCommand) -> int:
    """Scan, write the report, and return the exit code.

    Raises:
        TechnicError: the scan failed.
        KeyboardInterrupt: the user broke it off; the gateway was told.
    """
    asked = command.request
    if command.form == "table" and command.out is None and sys.stdout.isatty():
        # For the sparklines, which only a terminal gets.
        command = replace(command, request=replace(asked, factors=(*dict.fromkeys((*asked.factors, *RETURNS)),)))
    with open_view(sys.stderr) as view:
        report = asyncio.run(_scan(command, view))
    write_report(report, command.form, command.out, with_ledger=asked.include_ledger, factors=asked.factors)
    if command.out is not None:
        print(f"{command.out}: {len(report.rows) + len(report.shorts):,} rows", file=sys.stderr)
    sys.stdout.flush()
    return exits.PARTIAL if report.budget_spent else exits.OK


async def _scan(command: ScanCommand, view: ProgressView) -> ScanReport:
    if command.target.stack is None:
        return await scan_universe(command.target, command.request, view)
    view.starting(tuple(process.name for process in command.target.stack.processes))
    await wait_until_ready(command.target.stack, view.ready)
    try:
        return await scan_universe(command.target, command.request, view)
    except ServiceUnavailableError:
        await _blame(command.target.stack)
        raise


async def _blame(stack: Stack) -> None:
    """Raise what a process that has ended said last: it knows better. Its sockets close a little before it ends."""
    for _ in range(_BLAME_TRIES):
        stack.check()
        await asyncio.sleep(_BLAME_S / _BLAME_TRIES)
