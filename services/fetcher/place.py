"""Where the store of a provider's market lies."""

import asyncio
import hashlib
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

from services.fetcher.settings import FetcherSettings
from services.fetcher.store.layout import SCHEMA, Place
from services.market.errors import ProviderUnavailableError

SIMULATOR_S: Final = 30.0
"""Seconds that the simulator gets to come up: it may be started after us, and makes its market first."""
_ASK_AGAIN_S: Final = 0.05
_FILE: Final = "bars.sqlite3"


class _Market(msgspec.Struct):
    fingerprint: str


async def find_place(settings: FetcherSettings, within_s: float = SIMULATOR_S) -> Place | None:
    """Return where bars are to be kept; None if they are not: files, replayed or not, keep their bars themselves.

    Raises:
        ProviderUnavailableError: the simulator does not tell which market it has.
    """
    if settings.provider in ("files", "replay") or settings.store_path == "":
        return None
    if settings.provider == "simulated":
        market = await simulated_market(settings.base_url, within_s)
    else:
        market = urlsplit(settings.base_url).netloc.rpartition("@")[2]
    fingerprint = hashlib.sha256(f"{SCHEMA} {market}".encode()).hexdigest()[:12]
    name = f"{settings.provider}-{fingerprint}"
    below_home = settings.home / "stores" / name / _FILE
    path = below_home if settings.store_path is None else Path(settings.store_path)
    return Place(path.expanduser().absolute(), name)


async def simulated_market(base_url: str, within_s: float) -> str:
    """Ask the simulator at `base_url` for the fingerprint of its market, until it is up.

    Raises:
        ProviderUnavailableError: it does not answer in time.
    """
    try:
        async with asyncio.timeout(within_s), aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.get(f"{base_url.rstrip('/')}/simulator/market") as response:
                        response.raise_for_status()
                        return msgspec.json.decode(await response.read(), type=_Market).fingerprint
                except (aiohttp.ClientError, OSError, msgspec.DecodeError):
                    await asyncio.sleep(_ASK_AGAIN_S)
    except TimeoutError:
        raise ProviderUnavailableError(
            f"the simulator at {base_url} does not say which market it has: is it running?"
        ) from None
