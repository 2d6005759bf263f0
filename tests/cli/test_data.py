"""`technic data` as a process, against a fetcher that runs already, and with one of its own."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.cli.table import SIMULATED_LABEL
from services.rpc.serve import ServerSpec, start
from technic.v1 import fetcher_service_pb2 as fetcher_pb
from technic.v1 import fetcher_service_pb2_grpc
from tests.cli.conftest import PATIENCE_S, Technic, ended, line_with
from tests.cli.scripted_fetcher import ScriptedFetcher


@dataclass(frozen=True, slots=True)
class Fetcher:
    """A scripted fetcher that runs."""

    address: str
    script: ScriptedFetcher


@pytest.fixture
async def fetcher(tmp_path: Path) -> AsyncIterator[Fetcher]:
    script = ScriptedFetcher()
    spec = ServerSpec(
        name="fetcher",
        address=f"unix:{tmp_path}/fetcher",
        register=lambda server: fetcher_service_pb2_grpc.add_FetcherServiceServicer_to_server(script, server),
        service_names=("technic.v1.FetcherService",),
        warm=lambda: asyncio.sleep(0),
        drain_s=0.1,
    )
    running = await start(spec)
    yield Fetcher(running.address, script)
    await running.stop()


async def test_a_sync_tells_its_progress_and_a_second_one_takes_no_call(fetcher: Fetcher, technic: Technic) -> None:
    first = await technic.run("data", "sync", "--fetcher", fetcher.address)
    second = await technic.run("data", "sync", "--fetcher", fetcher.address)
    assert (first.code, second.code) == (0, 0)
    assert first.err.splitlines()[0] == "sync 0/300 sessions, ETA 60 min, 0 provider calls"
    assert first.out.splitlines() == [
        SIMULATED_LABEL,
        "300 of 300 sessions up to 2025-09-30 are stored (simulated, plan basic), 300 provider calls",
    ]
    assert second.out.endswith("(simulated, plan basic), 0 provider calls\n")


async def test_flags_reach_the_fetcher(fetcher: Fetcher, technic: Technic) -> None:
    await technic.run("data", "sync", "--fetcher", fetcher.address, "--sessions", "20", "--as-of", "20250814")
    (request,) = fetcher.script.requests
    assert (request.as_of, request.history_count) == ("2025-08-14", 20)


async def test_the_status_names_the_place_and_the_holes(fetcher: Fetcher, technic: Technic) -> None:
    outcome = await technic.run("data", "status", "--fetcher", fetcher.address, "--sessions", "100")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        SIMULATED_LABEL,
        "store     /home/stores/bars.sqlite3",
        "provider  simulated, newest session 2025-09-30",
        "sessions  98, 2024-07-22 to 2025-09-26",
        "symbols   12,500",
        "size      1.5 MB",
        "missing   2 (2025-09-29, 2025-09-30) of the newest 100 sessions",
        "keeps     the newest 2,000 sessions",
        "restated  1,234 bars",
        "damaged   none",
    ]


DAMAGED = fetcher_pb.QuarantinedRow(row="2025-09-26", found_at=1_759_320_000, damage="its checksum is wrong")


async def test_the_status_names_what_was_damaged(fetcher: Fetcher, technic: Technic) -> None:
    fetcher.script.damaged = [DAMAGED]
    outcome = await technic.run("data", "status", "--fetcher", fetcher.address)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-2:] == [
        "damaged   1 put aside",
        "  2025-09-26: its checksum is wrong (found 2025-10-01 12:00 UTC)",
    ]


async def test_a_check_without_damage_is_one_line_and_code_0(fetcher: Fetcher, technic: Technic) -> None:
    outcome = await technic.run("data", "verify", "--fetcher", fetcher.address)
    assert (outcome.code, outcome.out) == (0, "100 rows checked, all as they were written\n")
    assert outcome.err.startswith("verify 0/100 rows")


async def test_a_check_that_finds_damage_names_it_and_has_a_code_of_its_own(fetcher: Fetcher, technic: Technic) -> None:
    fetcher.script.damaged = [DAMAGED]
    outcome = await technic.run("data", "verify", "--fetcher", fetcher.address)
    assert outcome.code == 65
    assert outcome.out.splitlines() == [
        "100 rows checked, 1 damaged and put aside:",
        "  2025-09-26: its checksum is wrong (found 2025-10-01 12:00 UTC)",
        "the next `technic data sync` fetches them again",
    ]


async def test_a_check_that_is_cut_says_so(fetcher: Fetcher, technic: Technic) -> None:
    fetcher.script.is_cut = True
    outcome = await technic.run("data", "verify", "--fetcher", fetcher.address)
    assert (outcome.code, outcome.out) == (69, "")
    assert "before all was checked" in outcome.err.splitlines()[-1]


@pytest.mark.parametrize("command", [("export", "--out", "bars.parquet"), ("import", "bars.parquet")])
async def test_a_store_of_another_machine_is_neither_read_nor_written(
    fetcher: Fetcher, technic: Technic, command: tuple[str, ...]
) -> None:
    outcome = await technic.run("data", *command, "--fetcher", fetcher.address)
    assert (outcome.code, outcome.out) == (2, "")
    assert "is not on this machine: run this command over there" in outcome.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("as_of", "code", "words"),
    [("2025-01-02", 2, "disk is full"), ("2025-01-03", 5, "key is refused"), ("2025-01-07", 69, "before all was")],
)
async def test_a_sync_that_fails_is_one_line_and_its_code(
    fetcher: Fetcher, technic: Technic, as_of: str, code: int, words: str
) -> None:
    outcome = await technic.run("data", "sync", "--fetcher", fetcher.address, "--as-of", as_of)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.splitlines()[-1].startswith("technic: ")
    assert words in outcome.err.splitlines()[-1]


async def test_ctrl_c_ends_the_call_and_exits_130(fetcher: Fetcher, technic: Technic) -> None:
    command = ("data", "sync", "--fetcher", fetcher.address, "--as-of", "2025-01-06")
    async with technic.started("services.cli", *command) as process:
        await line_with(process.stderr, "sync 0/300")
        process.send_signal(signal.SIGINT)
        outcome = await ended(process)
    assert outcome.code == 130
    async with asyncio.timeout(PATIENCE_S):
        await fetcher.script.cancelled.wait()


async def test_a_fetcher_of_its_own_is_all_that_is_started(technic: Technic) -> None:
    outcome = await technic.run("data", "sync", module="tests.cli.driver")
    assert outcome.code == 0
    assert outcome.err.splitlines()[0] == "starting simulator and fetcher ..."
    assert {path.name for path in technic.pids.iterdir()} == {"simulator", "fetcher"}
    assert technic.survivors() == []
    assert list(technic.temporary.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync", "--sessions", "0"),
        ("sync", "--as-of", "soon"),
        ("sync", "--provider", "files"),
        ("sync", "--fetcher", "here"),
        ("status", "--fetcher", "127.0.0.1:1", "--provider", "massive"),
        ("export", "--out", "bars.parquet", "--provider", "files"),
        ("export", "--out", "bars.parquet", "--symbols", ","),
        ("verify", "--fetcher", "here"),
    ],
)
async def test_wrong_values_exit_2_with_one_line(technic: Technic, arguments: tuple[str, ...]) -> None:
    outcome = await technic.run("data", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("sync",), ("status",), ("verify",), ("export",), ("import",)])
async def test_help_is_complete(technic: Technic, arguments: tuple[str, ...]) -> None:
    outcome = await technic.run("data", *arguments, "--help")
    assert outcome.code == 0
    assert "Usage: technic data" in outcome.out
