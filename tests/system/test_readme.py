"""Every command in the README works as it is written there."""

import asyncio
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.system.conftest import Stack

ROOT = Path(__file__).parents[2]
ADDRESS = "localhost:50051"
"""Where the README's gateway is; the tests put their own in its place."""
OTHERS = {"fetcher": "localhost:50052", "scorer": "localhost:50053", "inference": "localhost:50054"}
"""Where the README's other services are."""
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


def blocks(language: str) -> list[str]:
    """Return the README's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def commands(prefix: str) -> list[str]:
    """Return the README's shell commands that begin so."""
    return [line for block in blocks("sh") for line in block.splitlines() if line.startswith(prefix)]


def lasting(command: str) -> bool:
    """Tell whether a command stays, needs a provider's key or standard ports, keeps files or takes minutes.

    Its own tests run those.
    """
    return command.split()[1] in {"up", "data", "train", "evaluate", "certs"} or command.endswith(" --all")


async def run(*arguments: str) -> Ran:
    """Run a command from the root of the checkout."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}"},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return Ran(process.returncode or 0, out.decode(), err.decode())


def installed(command: str, address: str = ADDRESS) -> list[str]:
    """Split a command, with the programs of the environment that runs the tests and the gateway at `address`."""
    words = shlex.split(command.replace(ADDRESS, address))
    words[0] = str(BIN / Path(words[0]).name)
    return words


def test_the_readme_has_commands_of_every_kind_and_no_others() -> None:
    kinds = ("make ", ".venv/bin/technic ", ".venv/bin/python -m services.", "grpcurl ")
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert [line for line in lines if not line.startswith(kinds)] == []
    assert all(commands(kind) for kind in kinds)


@pytest.mark.parametrize("command", commands("make "))
async def test_make_knows_its_targets(command: str) -> None:
    ran = await run(*shlex.split(command), "--dry-run")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("command", commands("grpcurl "))
async def test_grpcurl_reads_the_services(command: str, stack: Stack) -> None:
    words = installed(command, stack.address)
    for name, address in OTHERS.items():
        if address in words:
            # The other services of the tests listen on Unix sockets.
            words[words.index(address)] = f"{stack.folder}/{name}"
            words.insert(1, "-unix")
    ran = await run(*words)
    assert ran.code == 0, ran.err
    expected = {
        "list": "technic.v1.GatewayService",
        "ScanUniverse": '"result_hash"',
        "Check": '"SERVING"',
        "GetCacheStats": '"byte_limit"',
        "ScoreUniverse": '"tech_rating"',
        "ListFactors": '"vol_spike"',
        "RepositoryIndex": '"READY"',
        "ModelMetadata": '"mom_12_1"',
    }
    assert next(text for name, text in expected.items() if command.endswith(name)) in ran.out


async def test_grpcurl_describes_the_gateway(stack: Stack) -> None:
    ran = await run(str(BIN / "grpcurl"), "-plaintext", stack.address, "describe", "technic.v1.ScanUniverseRequest")
    assert "budget" in ran.out, ran.err


async def test_the_python_example_prints_rows_and_the_ledger(stack: Stack) -> None:
    example = blocks("python")[0]
    ran = await run(sys.executable, "-c", example.replace(ADDRESS, stack.address))
    assert ran.code == 0, ran.err
    requested, scored, omitted = map(int, re.findall(r"\d+", ran.out.splitlines()[-1]))
    assert requested == scored + omitted > 0


async def test_the_models_example_explains_alphas(stack: Stack) -> None:
    example = blocks("python")[1].replace(OTHERS["inference"], f"unix:{stack.folder}/inference")
    ran = await run(sys.executable, "-c", example)
    assert ran.code == 0, ran.err
    lines = [re.findall(r"[+-]\d\.\d{5}", line) for line in ran.out.splitlines()]
    assert [len(line) for line in lines] == [3, 3]
    assert all(abs(float(alpha) - float(total)) < 2e-5 for alpha, total, _ in lines)


async def test_the_factors_example_prints_a_row_a_symbol(tmp_path: Path) -> None:
    example = blocks("python")[2]
    days = pd.bdate_range("2025-01-02", periods=60)
    close = 100 + np.arange(60.0)
    frame = pd.DataFrame(
        {"date": days, "open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 1e6}
    )
    bars = pd.concat([frame.assign(symbol=symbol) for symbol in ("AAPL", "MSFT")])
    bars.to_parquet(tmp_path / "bars.parquet")
    ran = await run(sys.executable, "-c", re.sub(r'"[^"]*\.parquet"', repr(str(tmp_path / "bars.parquet")), example))
    assert ran.code == 0, ran.err
    assert [line.split()[1] for line in ran.out.splitlines()[1:]] == ["AAPL", "MSFT"], ran.out
    assert "rsi_14" in ran.out.splitlines()[0]


@pytest.mark.parametrize("command", [line for line in commands(".venv/bin/technic ") if not lasting(line)])
async def test_technic_does_what_the_readme_says(command: str, stack: Stack) -> None:
    words = installed(command, stack.address)
    if words[1] == "scan" and not {"--gateway", "--help"} & set(words):
        words += ["--gateway", stack.address]
    ran = await run(*words)
    assert ran.code == 0, ran.err
    assert ran.out or (ROOT / words[words.index("--out") + 1]).stat().st_size


@pytest.mark.parametrize("command", [line for line in commands(".venv/bin/technic ") if lasting(line)])
async def test_technic_takes_what_the_readme_gives_it(command: str) -> None:
    words = installed(command)
    flags = [word for word in words if word.startswith("--")]
    names = [word for word in words[1:3] if word.isalpha()]
    help_text = (await run(words[0], *names, "--help")).out
    assert flags
    assert all(flag in help_text for flag in flags)


@pytest.mark.parametrize("command", commands(".venv/bin/python -m services."))
async def test_services_explain_themselves(command: str) -> None:
    ran = await run(sys.executable, *shlex.split(command)[1:])
    assert ran.code == 0, ran.err
    assert "address" in ran.out.lower()
