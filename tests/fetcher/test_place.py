"""Which store belongs to which market."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from services.fetcher.place import find_place
from services.fetcher.settings import FetcherSettings
from services.fetcher.store.layout import Place
from services.market.errors import ProviderUnavailableError


async def place_of(folder: Path, **settings: Any) -> Place | None:
    return await find_place(FetcherSettings(home=folder, **settings), within_s=5)


async def answer(_: web.Request) -> web.Response:
    """Tell a market's fingerprint."""
    return web.json_response({"fingerprint": "abc", "clock": "2025-09-30T20:00:00-04:00"})


async def serve(listener: socket.socket) -> web.AppRunner:
    """Serve what the simulator says about its market."""
    app = web.Application()
    app.router.add_get("/simulator/market", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner


@pytest.mark.parametrize("settings", [{"provider": "files"}, {"provider": "massive", "store_path": ""}])
async def test_files_and_an_empty_path_have_no_store(tmp_path: Path, settings: dict[str, str]) -> None:
    assert await place_of(tmp_path, **settings) is None


async def test_a_provider_has_one_store_a_host_whatever_the_plan_and_the_key(tmp_path: Path) -> None:
    basic = await place_of(tmp_path, provider="massive", plan="basic", base_url="https://u:secret@api.example.com/v")
    paid = await place_of(tmp_path, provider="massive", plan="advanced", base_url="https://api.example.com")
    other = await place_of(tmp_path, provider="massive", base_url="https://api.example.org")
    assert basic == paid != other
    assert paid is not None
    assert paid.path == tmp_path / "stores" / paid.fingerprint / "bars.sqlite3"
    assert paid.fingerprint.startswith("massive-")


async def test_a_path_of_its_own_replaces_the_one_below_the_home(tmp_path: Path) -> None:
    found = await place_of(tmp_path, provider="massive", store_path=str(tmp_path / "my.sqlite3"))
    assert found is not None
    assert found.path == tmp_path / "my.sqlite3"


async def test_a_simulator_that_starts_later_is_waited_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    asking = asyncio.create_task(place_of(tmp_path, provider="simulated", base_url=f"http://127.0.0.1:{port}"))
    await asyncio.wait((asking,), timeout=0.1)
    assert not asking.done()
    runner = await serve(socket.create_server(("127.0.0.1", port)))
    try:
        found = await asking
    finally:
        await runner.cleanup()
    assert found is not None
    assert found.fingerprint.startswith("simulated-")


async def test_a_simulator_that_never_comes_is_named(tmp_path: Path) -> None:
    settings = FetcherSettings(provider="simulated", home=tmp_path, base_url="http://127.0.0.1:1")
    with pytest.raises(ProviderUnavailableError, match=r"127\.0\.0\.1:1 does not say"):
        await find_place(settings, within_s=0.1)
