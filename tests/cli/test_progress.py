"""What is shown while a scan runs."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from services.cli.answer import ScanStart, ScanStep
from services.cli.progress import LiveView, PlainView, describe_pace, describe_stage, open_view

STEP = ScanStep("fetch", "sessions", 120, 300, 60.0, 3.0, 2.0, 88.0, 121, 0)
START = ScanStart("00112233aabbccdd", "2025-09-30", "simulated", simulated=True, requested_count=6000)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_stage_gets_one_line_a_second() -> None:
    stream, clock = io.StringIO(), Clock()
    with PlainView(stream, clock) as view:
        for number in range(25):
            view.stepped(replace(STEP, done_count=number))
            clock.now += 0.1
    assert len(stream.getvalue().splitlines()) == 3


def test_a_stage_that_stands_still_gets_no_second_line() -> None:
    stream, clock = io.StringIO(), Clock()
    with PlainView(stream, clock) as view:
        for _ in range(25):
            view.stepped(STEP)
            clock.now += 1
    assert len(stream.getvalue().splitlines()) == 1


def test_a_new_stage_gets_its_line_at_once() -> None:
    stream = io.StringIO()
    with PlainView(stream, Clock()) as view:
        view.stepped(STEP)
        view.stepped(replace(STEP, stage="score", unit="symbols"))
    first, second = stream.getvalue().splitlines()
    assert first.startswith("fetch 120/300 sessions")
    assert second.startswith("score 120/300 symbols")


def test_a_line_tells_rate_eta_calls_and_budget() -> None:
    assert describe_pace(STEP) == "60/s, ETA 3.0 s, 121 provider calls, 88.0 s of budget left"


def test_a_stage_without_counts_yet_shows_none() -> None:
    begun = replace(STEP, total_count=0, rate=0.0, eta_s=None)
    assert describe_stage(begun) == "fetch ..."
    assert describe_pace(begun) == "121 provider calls, 88.0 s of budget left"


def test_a_slow_sync_is_told_in_minutes_and_without_a_budget() -> None:
    step = replace(STEP, stage="sync", rate=0.08, eta_s=3588.0, budget_left_s=None)
    assert describe_pace(step) == "5/min, ETA 60 min, 121 provider calls"


def test_an_eta_that_is_unknown_or_nothing_is_left_out() -> None:
    assert "ETA" not in describe_pace(replace(STEP, eta_s=None))
    assert "ETA" not in describe_pace(replace(STEP, eta_s=0.0003))


def test_a_start_is_told_with_its_simulator() -> None:
    stream = io.StringIO()
    with PlainView(stream, Clock()) as view:
        view.starting(("simulator", "fetcher", "gateway"))
        view.ready("fetcher", 1, 2)
        view.ready("simulator", 2, 2)
        view.started(START)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "starting simulator and four services ..."
    assert len(lines) == 3
    assert "SIMULATED MARKET" in lines[2]
    assert "6,000" in lines[2]


def test_a_fetcher_alone_is_told_as_such() -> None:
    stream = io.StringIO()
    with PlainView(stream, Clock()) as view:
        view.starting(("fetcher",))
    assert stream.getvalue() == "starting fetcher ...\n"


def test_a_stream_that_is_no_terminal_gets_plain_lines() -> None:
    assert isinstance(open_view(io.StringIO()), PlainView)


@pytest.mark.parametrize(("total", "shown"), [(0, "fetch ..."), (300, "fetch 120/300 sessions")])
def test_a_terminal_gets_a_bar_that_is_taken_away(total: int, shown: str) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=160)
    with LiveView(console) as view:
        view.starting(("fetcher",))
        view.ready("fetcher", 1, 1)
        view.started(START)
        view.stepped(replace(STEP, total_count=total))
    text = stream.getvalue()
    assert shown in text
    assert text.endswith("\x1b[2K")
