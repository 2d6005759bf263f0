"""Shows on stderr how a scan goes: a live bar on a terminal, else a plain line about once a second."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from services.cli.answer import ScanStart, ScanStep

LINE_S: Final = 1.0
"""Seconds between two plain lines of one stage."""
SHORTEST_ETA_S: Final = 0.05
"""Seconds below which an ETA would be shown as nothing, and is not."""


class ProgressView(Protocol):
    """Shows how the start of a stack and a scan go, from entering to leaving it as a context."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def starting(self, names: tuple[str, ...]) -> None:
        """Say that processes are being started."""

    def ready(self, name: str, ready_count: int, total_count: int) -> None:
        """Say that a process is ready."""

    def started(self, start: ScanStart) -> None:
        """Say what is being scanned."""

    def stepped(self, step: ScanStep) -> None:
        """Say how far the scan has come."""


def open_view(stream: TextIO) -> ProgressView:
    """Return the view that fits the stream."""
    if stream.isatty():
        return LiveView(Console(file=stream))
    return PlainView(stream, time.monotonic)


class PlainView:
    """Lines without control characters: one a stage, and one a second while it lasts."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._stage = self._line = ""
        self._shown_at = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def starting(self, names: tuple[str, ...]) -> None:
        """Name the processes."""
        self._print(describe_starting(names))

    def ready(self, name: str, ready_count: int, total_count: int) -> None:
        """Tell only when all are ready: a start is short."""
        if ready_count == total_count:
            self._print(f"all ready, {name} last")

    def started(self, start: ScanStart) -> None:
        """Name the scan."""
        self._print(describe_start(start))

    def stepped(self, step: ScanStep) -> None:
        """Tell a new stage at once, and the going on of one about once a second, as long as it does go on."""
        now, line = self._clock(), f"{describe_stage(step)}, {describe_pace(step)}"
        if step.stage != self._stage or (now - self._shown_at >= LINE_S and line != self._line):
            self._stage, self._shown_at, self._line = step.stage, now, line
            self._print(line)

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class LiveView:
    """One bar that is drawn anew in place, and leaves no trace at the end."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[pace]}", markup=False),
            console=console,
            transient=True,
        )
        self._task: TaskID = self._progress.add_task("connecting ...", total=None, pace="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def starting(self, names: tuple[str, ...]) -> None:
        """Begin the bar of the start."""
        self._show(describe_starting(names), 0, len(names), "")

    def ready(self, name: str, ready_count: int, total_count: int) -> None:
        """Advance the bar of the start."""
        self._show("starting", ready_count, total_count, f"{name} is ready")

    def started(self, start: ScanStart) -> None:
        """Leave a line that names the scan, and begin its bar."""
        self._progress.console.print(describe_start(start), markup=False, highlight=False)
        self._show("waiting for the first session", 0, None, "")

    def stepped(self, step: ScanStep) -> None:
        """Draw the bar of the stage."""
        self._show(describe_stage(step), step.done_count, step.total_count or None, describe_pace(step))

    def _show(self, description: str, done: int, total: int | None, pace: str) -> None:
        self._progress.update(self._task, description=description, completed=done, total=total, pace=pace)


def describe_starting(names: tuple[str, ...]) -> str:
    """Say what is being started."""
    simulator = "simulator and " if "simulator" in names else ""
    return f"starting {simulator}{'four services' if 'gateway' in names else 'fetcher'} ..."


def describe_start(start: ScanStart) -> str:
    """Say what is being scanned."""
    market = "SIMULATED MARKET" if start.simulated else start.provider
    return f"scan {start.scan_id}: {start.requested_count:,} symbols of {market}, as of {start.as_of}"


def describe_stage(step: ScanStep) -> str:
    """Say the stage and its counts; while there are none, that it begins."""
    if not step.total_count:
        return f"{step.stage} ..."
    return f"{step.stage} {step.done_count:,}/{step.total_count:,} {step.unit}"


def describe_pace(step: ScanStep) -> str:
    """Say how fast it goes, once it goes, and what is left."""
    rate = f"{_rate(step.rate)}, " if step.rate else ""
    eta = "" if step.eta_s is None or step.eta_s < SHORTEST_ETA_S else f"ETA {_duration(step.eta_s)}, "
    budget = "" if step.budget_left_s is None else f", {step.budget_left_s:.1f} s of budget left"
    return f"{rate}{eta}{step.provider_request_count:,} provider calls{budget}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _rate(rate: float) -> str:
    """Say units a second, or a minute where they are slow."""
    return f"{rate:,.0f}/s" if rate >= 1 else f"{rate * 60:.0f}/min"
