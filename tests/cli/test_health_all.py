"""`technic health --all`: a line for each service of a stack, and what to do about those that are not ready."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

import pytest

from services.rpc.serve import RunningServer, ServerSpec, start
from tests.cli.conftest import Technic

NAMES = ("gateway", "fetcher", "scorer", "inference")


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[dict[str, RunningServer]]:
    """Four servers without a method: health is all that they answer."""

    async def nothing() -> None:
        pass

    async with AsyncExitStack() as exits:
        made = {}
        for name in NAMES:
            made[name] = await start(ServerSpec(name, f"unix:{tmp_path}/{name}", lambda _: None, (), nothing))
            exits.push_async_callback(made[name].kill)
        yield made


def flags(servers: dict[str, RunningServer]) -> list[str]:
    return [word for name, server in servers.items() for word in ("--address", f"{name}={server.address}")]


async def test_all_that_serve_are_a_line_each_and_exit_code_0(
    servers: dict[str, RunningServer], technic: Technic
) -> None:
    outcome = await technic.run("health", "--all", *flags(servers), "--timeout", "20s")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split() for line in outcome.out.splitlines()]
    assert [line[:4] for line in lines] == [
        [name, "SERVING", servers[name].address, version("technic")] for name in NAMES
    ]


async def test_what_is_wrong_is_named_with_what_to_do(servers: dict[str, RunningServer], technic: Technic) -> None:
    await servers["inference"].set_ready(False)
    await servers["scorer"].kill()
    outcome = await technic.run("health", "--all", *flags(servers), "--timeout", "5s")
    lines = dict(zip(NAMES, outcome.out.splitlines(), strict=True))
    assert outcome.code == 4
    assert "UNREACHABLE" in lines["scorer"]
    assert "start it" in lines["scorer"]
    assert "NOT_SERVING" in lines["inference"]
    assert "model" in lines["inference"]
    assert "SERVING" in lines["gateway"]


async def test_json_has_the_same_facts(servers: dict[str, RunningServer], technic: Technic) -> None:
    await servers["fetcher"].kill()
    outcome = await technic.run("health", "--all", "--json", *flags(servers), "--timeout", "5s")
    found = {one["service"]: one for one in json.loads(outcome.out)}
    assert outcome.code == 2
    assert {name: one["state"] for name, one in found.items()} == dict.fromkeys(NAMES, "SERVING") | {
        "fetcher": "UNREACHABLE"
    }
    assert found["gateway"]["version"] == version("technic")
    assert found["fetcher"]["problem"]


async def test_one_who_says_nothing_delays_no_other(servers: dict[str, RunningServer], technic: Technic) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        told = flags(servers)
        told[1] = f"gateway=127.0.0.1:{server.sockets[0].getsockname()[1]}"
        outcome = await technic.run("health", "--all", *told, "--timeout", "2s")
    assert outcome.code == 2
    assert [line.split()[1] for line in outcome.out.splitlines()] == ["UNREACHABLE", "SERVING", "SERVING", "SERVING"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--all", "--address", "127.0.0.1:1"), "NAME=ADDR"),
        (("--all", "--address", "nobody=127.0.0.1:1"), "gateway, fetcher"),
        (("--address", "127.0.0.1:1", "--address", "127.0.0.1:2"), "give one"),
        (("--json",), "--all"),
    ],
)
async def test_wrong_flags_are_exit_code_1(words: tuple[str, ...], text: str, technic: Technic) -> None:
    outcome = await technic.run("health", *words)
    assert outcome.code == 1
    assert text in outcome.err
