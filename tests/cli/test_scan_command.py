"""`technic scan` as a process, against a gateway that runs already."""

import asyncio
import json
import signal

import pytest

from services.cli.table import SIMULATED_LABEL
from technic.v1 import gateway_service_pb2 as pb
from tests.cli.conftest import PATIENCE_S, Gateway, Technic, ended, line_with


def only_line(text: str) -> str:
    """Return the one line that a failed command may print."""
    (line,) = text.splitlines()
    assert line.startswith("technic: ")
    return line


async def test_a_table_goes_to_stdout_and_progress_to_stderr(gateway: Gateway, technic: Technic) -> None:
    ended = await technic.run("scan", "--gateway", gateway.address, "--symbols", "FINE")
    assert ended.code == 0
    assert SIMULATED_LABEL in ended.out.splitlines()[0]
    assert "BRK.B" in ended.out
    assert "fetch plan: 2 sessions of the whole market" in ended.out
    assert "fetch 120/300 sessions" not in ended.out
    assert "SIMULATED MARKET, as of 2025-09-30" in ended.err
    assert "rank 5/5 symbols" in ended.err
    assert not any(control in ended.out + ended.err for control in "\x1b\r\b")


async def test_json_is_one_document_on_stdout(gateway: Gateway, technic: Technic) -> None:
    ended = await technic.run("scan", "--gateway", gateway.address, "--format", "json", "--ledger")
    document = json.loads(ended.out)
    assert ended.code == 0
    assert [row["symbol"] for row in document["rows"]] == ["AAA", "BRK.B", "ZZZ"]
    assert len(document["omissions"]["list"]) == document["omitted_count"]


async def test_flags_reach_the_gateway(gateway: Gateway, technic: Technic) -> None:
    flags = ("--symbols", "FINE,B", "--types", "etf,ADR", "--as-of", "2025-09-30", "--budget", "2m", "--top", "0")
    await technic.run("scan", "--gateway", gateway.address, *flags, "--profile", "balanced", "--ledger")
    (request,) = gateway.script.requests
    assert list(request.symbols) == ["FINE", "B"]
    assert len(request.types) == 2
    assert (request.as_of, request.budget.seconds, request.top_count) == ("2025-09-30", 120, 0)
    assert (request.profile, request.include_ledger) == ("balanced", True)


async def test_flags_of_rows_and_plans_reach_the_gateway(gateway: Gateway, technic: Technic) -> None:
    rows = ("--filter", "rsi_14<=30", "--filter", "market_cap>=1B", "--sector", "Finance,Real Estate")
    others = ("--exchange", "XNYS", "--industry", "Oil")
    order = ("--sort", "rsi_14:asc", "--max-per-sector", "2", "--shorts", "--style", "position", "--factors", "rsi_14")
    plans = ("--account", "25K", "--risk", "0.5%")
    ended = await technic.run("scan", "--gateway", gateway.address, *rows, *others, *order, *plans)
    assert ended.code == 0, ended.err
    (request,) = gateway.script.requests
    assert list(request.filters) == [pb.Filter(name="rsi_14", max=30), pb.Filter(name="market_cap", min=1e9)]
    assert (list(request.sectors), list(request.exchanges)) == (["Finance", "Real Estate"], ["XNYS"])
    assert list(request.industries) == ["Oil"]
    assert (request.sort, request.max_per_sector) == (pb.Sort(name="rsi_14", ascending=True), 2)
    assert (request.include_shorts, request.style, list(request.factors)) == (True, "position", ["rsi_14"])
    assert request.plans == pb.PlanOptions(account_usd=25_000, risk=0.005)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "json", "table"])
async def test_a_report_goes_to_a_file_in_any_form(gateway: Gateway, technic: Technic, form: str) -> None:
    out = technic.home / "out" / f"rows.{form}"
    command = ("scan", "--gateway", gateway.address, "--symbols", "TRADED", "--plans")
    ended = await technic.run(*command, "--format", form, "--out", str(out))
    assert (ended.code, ended.out) == (0, ""), ended.err
    assert ended.err.splitlines()[-1] == f"{out}: 4 rows"
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    if form != "parquet":
        assert (await technic.run(*command, "--format", form)).out == out.read_text()


async def test_parquet_without_a_file_is_refused_before_the_scan(gateway: Gateway, technic: Technic) -> None:
    ended = await technic.run("scan", "--gateway", gateway.address, "--format", "parquet")
    assert ended.code == 2
    assert "--out" in only_line(ended.err)
    assert gateway.script.requests == []


async def test_a_file_that_cannot_be_written_is_one_line(gateway: Gateway, technic: Technic) -> None:
    (technic.home / "file").write_text("")
    ended = await technic.run("scan", "--gateway", gateway.address, "--out", str(technic.home / "file" / "rows.csv"))
    assert ended.code == 2
    assert "cannot be written" in only_line(ended.err.splitlines()[-1])


async def test_a_running_session_is_asked_for_and_labelled(gateway: Gateway, technic: Technic) -> None:
    command = ("scan", "--gateway", gateway.address, "--symbols", "RUNNING", "--running")
    ended = await technic.run(*command)
    assert gateway.script.requests[-1].include_running
    assert "as of 2025-09-30 (running session, provisional), provider simulated" in ended.out
    document = json.loads((await technic.run(*command, "--format", "json")).out)
    assert document["provisional"] is True


async def test_a_completed_session_is_not_labelled(gateway: Gateway, technic: Technic) -> None:
    ended = await technic.run("scan", "--gateway", gateway.address, "--symbols", "FINE")
    assert not gateway.script.requests[-1].include_running
    assert "provisional" not in ended.out


async def test_a_running_session_is_that_of_today_only(gateway: Gateway, technic: Technic) -> None:
    ended = await technic.run("scan", "--gateway", gateway.address, "--running", "--as-of", "2025-09-30")
    assert ended.code == 2
    assert "leave out --as-of" in only_line(ended.err)
    assert gateway.script.requests == []


async def test_a_spent_budget_prints_what_is_there_and_exits_3(gateway: Gateway, technic: Technic) -> None:
    ended = await technic.run("scan", "--gateway", gateway.address, "--symbols", "PARTIAL")
    assert ended.code == 3
    assert "AAA" in ended.out
    assert "partial" in ended.out


@pytest.mark.parametrize(
    ("script", "code"),
    [("INVALID_REQUEST", 2), ("PROVIDER_UNAVAILABLE", 4), ("PROVIDER_AUTH", 5), ("OVERLOADED", 69), ("CRASH", 70)],
)
async def test_an_error_is_one_line_and_its_code(gateway: Gateway, technic: Technic, script: str, code: int) -> None:
    ended = await technic.run("scan", "--gateway", gateway.address, "--symbols", script)
    assert (ended.code, ended.out) == (code, "")
    assert "hunter2" not in only_line(ended.err)
    assert ("try again in 2 s" in ended.err) == (script == "OVERLOADED")


async def test_a_gateway_that_is_not_there_exits_69(technic: Technic) -> None:
    ended = await technic.run("scan", "--gateway", f"unix:{technic.home}/nowhere")
    assert ended.code == 69
    assert "nowhere" in only_line(ended.err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_cancels_the_scan_at_the_gateway_and_exits_130(
    gateway: Gateway, technic: Technic, number: signal.Signals
) -> None:
    async with technic.started("services.cli", "scan", "--gateway", gateway.address, "--symbols", "HANG") as process:
        await line_with(process.stderr, "fetch")
        process.send_signal(number)
        outcome = await ended(process)
    assert outcome.code == 130
    assert outcome.out == ""
    assert only_line(outcome.err.splitlines()[-1]) == "technic: cancelled"
    async with asyncio.timeout(PATIENCE_S):
        await gateway.script.cancelled.wait()


async def test_a_reader_that_leaves_early_is_no_reason_for_a_traceback(gateway: Gateway, technic: Technic) -> None:
    command = ("scan", "--gateway", gateway.address, "--symbols", "FINE")
    async with technic.started("services.cli", *command) as process:
        # The other end of the pipe goes away before anything is written to it.
        assert process.stdout is not None
        process.stdout._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio offers no other way
        outcome = await ended(process)
    assert "Traceback" not in outcome.err
    assert "Error" not in outcome.err


async def test_the_version_is_told_without_loading_libraries(technic: Technic) -> None:
    ended = await technic.run("--version", PYTHONPROFILEIMPORTTIME="1")
    assert ended.code == 0
    assert ended.out.startswith("technic ")
    loaded = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert "services.cli" in loaded
    assert not loaded & {"typer", "rich", "grpc", "asyncio", "numpy", "pydantic"}
