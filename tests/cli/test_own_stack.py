"""Commands that start a stack of their own, as processes with stand-ins for the services."""

import asyncio
import json
import os
import signal
import time

import pytest

from tests.cli.conftest import PATIENCE_S, Technic, ended, line_with

SCAN = ("tests.cli.driver", "scan")
HANG = (*SCAN, "--symbols", "HANG")


async def running(technic: Technic, count: int) -> None:
    """Wait until that many stand-ins run."""
    deadline = time.monotonic() + PATIENCE_S
    while len(technic.survivors()) != count:
        assert time.monotonic() < deadline, technic.survivors()
        await asyncio.sleep(0.01)


async def test_a_scan_starts_its_stack_and_leaves_nothing_behind(technic: Technic) -> None:
    outcome = await technic.run("scan", "--format", "json", module="tests.cli.driver")
    assert outcome.code == 0
    assert json.loads(outcome.out)["scored_count"] == 3
    assert outcome.err.splitlines()[0] == "starting simulator and four services ..."
    assert {path.name for path in technic.pids.iterdir()} == {"simulator", "fetcher", "scorer", "inference", "gateway"}
    assert technic.survivors() == []
    assert list(technic.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("fail", 69, "technic: the fetcher ended (exit code 69): the disk is full"),
        ("unreadable", 2, "technic: these are no bars"),
    ],
)
async def test_a_service_that_does_not_start_ends_the_scan(technic: Technic, mode: str, code: int, words: str) -> None:
    outcome = await technic.run("scan", module="tests.cli.driver", FAKE_FETCHER=mode)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.splitlines()[-1].startswith(words)
    assert technic.survivors() == []
    assert list(technic.temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_scan_and_its_stack(technic: Technic, number: signal.Signals) -> None:
    async with technic.started(*HANG) as process:
        await line_with(process.stderr, "fetch")
        process.send_signal(number)
        outcome = await ended(process)
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "technic: cancelled"
    assert technic.survivors() == []
    assert list(technic.temporary.iterdir()) == []


async def test_a_second_ctrl_c_cuts_the_wait_for_leaving_short(technic: Technic) -> None:
    async with technic.started(*HANG, FAKE_SCORER="stubborn", FAKE_GATEWAY="never") as process:
        await line_with(process.stderr, "starting")
        await running(technic, 5)
        began = time.monotonic()
        end = asyncio.create_task(ended(process))
        while not end.done():
            process.send_signal(signal.SIGINT)
            await asyncio.wait((end,), timeout=0.2)
        outcome = end.result()
    assert outcome.code == 130
    assert time.monotonic() - began < 5
    assert technic.survivors() == []
    assert "Traceback" not in outcome.err


async def test_services_leave_when_the_command_is_killed(technic: Technic) -> None:
    async with technic.started(*HANG) as process:
        await line_with(process.stderr, "fetch")
        assert len(technic.survivors()) == 5
        process.kill()
        await process.wait()
        await running(technic, 0)


async def test_a_service_that_dies_in_mid_scan_is_named(technic: Technic) -> None:
    async with technic.started(*HANG) as process:
        await line_with(process.stderr, "fetch")
        os.kill(int((technic.pids / "gateway").read_text()), signal.SIGKILL)
        outcome = await ended(process)
    assert outcome.code == 69
    assert "the gateway ended (signal SIGKILL)" in outcome.err
    assert technic.survivors() == []


async def test_a_key_that_is_set_but_not_used_is_mentioned(technic: Technic) -> None:
    outcome = await technic.run("scan", module="tests.cli.driver", MASSIVE_API_KEY="k-real", FAKE_FETCHER="refuse")
    assert outcome.code == 2
    assert "--provider massive" in outcome.err
    assert "k-real" not in outcome.err + outcome.out


async def test_up_says_where_it_listens_stays_and_stops_when_told(technic: Technic) -> None:
    async with technic.started("tests.cli.up_driver") as process:
        await line_with(process.stdout, "ready:")
        assert "http://127.0.0.1:9104/metrics" in await line_with(process.stdout, ":9104")
        assert "technic scan --gateway unix:" in await line_with(process.stdout, "technic scan")
        await line_with(process.stdout, "Ctrl-C")
        assert len(technic.survivors()) == 5
        process.send_signal(signal.SIGINT)
        outcome = await ended(process)
    assert outcome.code == 0
    assert "Traceback" not in outcome.err
    assert technic.survivors() == []
    assert list(technic.temporary.iterdir()) == []
