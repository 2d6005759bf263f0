"""The numbers of all four services after scans: there, bounded, and without a symbol or a secret."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.simulator.market import Market
from tests.system.conftest import KEY, Stack, running, simulated, simulated_settings
from tests.system.replicas import SERVICES, free_address

LIMIT = 200
"""Series of a service."""


@pytest.fixture(scope="module")
def addresses() -> dict[str, str]:
    return {name: free_address() for name in SERVICES}


@pytest.fixture(scope="module")
async def scanned(
    market: Market, addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A stack after two whole scans, one of a symbol that is not there, and a refused one."""
    folder = tmp_path_factory.mktemp("metrics")
    own: dict[str, Any] = {name: {"metrics_address": addresses[name]} for name in SERVICES}
    async with simulated(market) as url:
        settings = simulated_settings(url, store_path=f"{folder}/store") | own.pop("fetcher")
        async with running(folder, settings, **own) as stack:
            await stack.scan(top_count=0)
            await stack.scan(top_count=0)
            await stack.scan(symbols=["NOSUCH", "SPY"])
            with pytest.raises(grpc.aio.AioRpcError):
                await stack.scan(as_of="never")
            yield stack


async def text(address: str) -> str:
    with await asyncio.to_thread(urllib.request.urlopen, f"http://{address}/metrics", None, 10) as answer:
        return str(answer.read().decode())


async def numbers(address: str) -> dict[tuple[str, ...], float]:
    """Return all numbers by name and the values of their labels."""
    families = text_string_to_metric_families(await text(address))
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_has_few_series_and_none_names_a_symbol(
    name: str, scanned: Stack, addresses: dict[str, str]
) -> None:
    assert scanned
    said = await text(addresses[name])
    found = await numbers(addresses[name])
    assert 20 < len(found) < LIMIT
    labels = {label for series in found for label in series[1:]}
    assert not labels & {"NOSUCH", "SPY", "never"}
    assert KEY not in said
    assert 'rpc_response_status_code="OK"' in said


async def test_the_gateway_counts_scans_and_symbols(scanned: Stack, addresses: dict[str, str]) -> None:
    assert scanned
    found = await numbers(addresses["gateway"])
    assert found["technic_scans_total", "WHOLE"] == 3
    assert found["technic_scans_total", "INVALID_REQUEST"] == 1
    assert found["technic_scan_seconds_count",] == 3
    assert found["technic_scan_overrun_seconds_bucket", "0.0"] == 3
    assert found["technic_scans_running",] == 0
    assert found["technic_scan_symbols_total", "UNKNOWN_SYMBOL"] == 1
    scored = (await scanned.scan(top_count=0)).result.scored_count
    assert found["technic_scan_symbols_total", "SCORED"] > 2 * scored > 0


async def test_the_fetcher_tells_of_its_memory_its_store_and_the_provider(
    scanned: Stack, addresses: dict[str, str]
) -> None:
    assert scanned
    found = await numbers(addresses["fetcher"])
    assert found["technic_provider_calls_total", "200"] >= 300
    assert found["technic_cache_sessions_total", "missing"] > 0
    assert found["technic_cache_sessions_total", "memory"] > 0
    assert found["technic_cache_bytes",] > 0
    assert found["technic_provider_failing",] == 0
    async with asyncio.timeout(20):
        # Sessions are written behind the scan.
        while True:
            if (await numbers(addresses["fetcher"]))["technic_store_sessions",] >= 300:
                break
            await asyncio.sleep(0.02)


async def test_the_inference_service_tells_of_its_models(scanned: Stack, addresses: dict[str, str]) -> None:
    assert scanned
    found = await numbers(addresses["inference"])
    assert found["technic_models", "READY"] == found["technic_models_loaded",] == 2
    assert found["technic_models", "UNAVAILABLE"] == 0
