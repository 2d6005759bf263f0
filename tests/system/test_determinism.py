"""The same question has the same answer, bit for bit: over runs, replicas, blocks, arrivals, caches and processes."""

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.market.sessions import sessions_ending
from services.rpc import wire
from services.rpc.serve import start
from services.scorer import __main__ as scorer
from services.scorer.settings import ScorerSettings
from services.simulator.market import Market
from tests.system.conftest import CLOCK, KEY, Scan, Stack, running, simulated, simulated_settings
from tests.system.relay import Relay, relaying

RUNS = 100
NOTHING_KEPT: dict[str, Any] = {"scorer": {"cache_mb": 0}, "gateway": {"cache_mb": 0}}
"""Settings of services that remember no rows."""


@pytest.fixture(scope="module")
async def usual(stack: Stack) -> Scan:
    """What a scan of the market comes to."""
    return await stack.scan(top_count=0, include_ledger=True)


@asynccontextmanager
async def forgetful(market: Market, folder: Path, **others: dict[str, Any]) -> AsyncIterator[Stack]:
    """Run services that score and predict everything anew each time."""
    async with (
        simulated(market) as url,
        running(folder, simulated_settings(url), **(NOTHING_KEPT | others)) as made,
    ):
        made.provider_url = url
        yield made


def assert_same(scan: Scan, usual: Scan) -> None:
    """Check all that a scan says of the market; what it took may differ."""
    assert scan.result.result_hash == usual.result.result_hash
    assert scan.rows == usual.rows
    assert scan.result.regime == usual.result.regime
    assert scan.result.versions == usual.result.versions


async def test_a_hundred_runs_in_any_order_of_symbols_are_equal(market: Market, usual: Scan, tmp_path: Path) -> None:
    symbols = [*usual.symbols, *(omission.symbol for omission in usual.result.omissions)]
    orders = random.Random(7)  # noqa: S311  # an order, no secret
    async with forgetful(market, tmp_path) as stack:
        for run in range(RUNS):
            # Every other one asks for the whole list, which the gateway orders by itself.
            named = orders.sample(symbols, len(symbols)) if run % 2 else []
            assert_same(await stack.scan(symbols=named, top_count=0), usual)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
async def test_any_number_of_scorers_gives_the_same(count: int, market: Market, usual: Scan, tmp_path: Path) -> None:
    async with AsyncExitStack() as exits:
        relays: list[Relay] = []
        for _ in range(count):
            settings = ScorerSettings(address="127.0.0.1:0", fetcher_address=f"unix:{tmp_path}/fetcher", cache_mb=0)
            server = await start(await exits.enter_async_context(scorer.compose(settings)))
            exits.push_async_callback(server.kill)
            relays.append(await exits.enter_async_context(relaying(server.address, "127.0.0.1:0")))
        behind = {"cache_mb": 0, "scorer_address": f"ipv4:{','.join(relay.address for relay in relays)}"}
        url = await exits.enter_async_context(simulated(market))
        settings_of_fetcher = simulated_settings(url)
        stack = await exits.enter_async_context(
            running(tmp_path, settings_of_fetcher, without=("scorer",), gateway=behind)
        )
        async with asyncio.timeout(30):
            while not all(relay.calls for relay in relays):
                assert_same(await stack.scan(top_count=0), usual)


@pytest.mark.parametrize("size", [1, 7, 100])
async def test_any_size_of_blocks_gives_the_same(
    size: int, market: Market, usual: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "BLOCK_SYMBOLS", size)
    async with forgetful(market, tmp_path) as stack:
        assert_same(await stack.scan(top_count=0), usual)


@pytest.mark.parametrize("seed", [1, 2])
async def test_sessions_may_come_in_any_order(seed: int, market: Market, usual: Scan, tmp_path: Path) -> None:
    late = random.Random(seed).sample(sessions_ending(market.spec.end, 300), 50)  # noqa: S311  # no secret
    async with forgetful(market, tmp_path) as stack:
        await stack.fault(
            *(
                {"kind": "slow", "path": f"/v2/aggs/grouped/locale/us/market/stocks/{day}", "seconds": n % 7 * 0.03}
                for n, day in enumerate(late)
            )
        )
        cold = await stack.scan(top_count=0)
        assert cold.result.cache_hit_count == 0
        assert_same(cold, usual)


@pytest.mark.parametrize(("scorer_mb", "gateway_mb"), [(64, 32), (64, 0), (0, 32)])
async def test_what_is_remembered_changes_nothing(
    scorer_mb: int, gateway_mb: int, market: Market, usual: Scan, tmp_path: Path
) -> None:
    kept = {"scorer": {"cache_mb": scorer_mb}, "gateway": {"cache_mb": gateway_mb}}
    async with forgetful(market, tmp_path, **kept) as stack:
        for _ in ("cold", "hot", "hot again"):
            assert_same(await stack.scan(top_count=0), usual)


async def test_services_in_processes_of_their_own_say_the_same(market: Market, usual: Scan, tmp_path: Path) -> None:
    technic = str(Path(sys.executable).with_name("technic"))
    options = ("--provider", "massive", "--plan", "advanced", "--top", "0", "--format", "json", "--home", str(tmp_path))
    async with simulated(market) as url:
        settings = {"BASE_URL": url, "CLOCK": CLOCK, "CALLS_PER_SECOND": "5000", "DETAILS": "false"}
        environment = {f"FETCHER_{name}": value for name, value in settings.items()} | {"MASSIVE_API_KEY": KEY}
        process = await asyncio.create_subprocess_exec(
            technic, "scan", *options, env=dict(os.environ) | environment, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    document = json.loads(output)
    assert document["result_hash"] == usual.result.result_hash
    assert [row["symbol"] for row in document["rows"]] == usual.symbols
