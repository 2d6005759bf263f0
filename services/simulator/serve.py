"""Runs the simulator until it is told to stop."""

import asyncio
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from services.market.errors import LocalDataError
from services.market.sessions import NEW_YORK
from services.simulator.api import Terms, create_app, create_replay
from services.simulator.cache import Folder
from services.simulator.market import MarketSpec
from services.simulator.replay import Replay
from services.simulator.settings import Settings

_SHUTDOWN_S = 1.0


class AddressInUseError(Exception):
    """Somebody else listens there already."""


@asynccontextmanager
async def serving(app: web.Application, listener: socket.socket) -> AsyncIterator[str]:
    """Serve an application on a bound socket while the block runs; yields its base URL, empty for a Unix socket."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S, handler_cancellation=True)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        address = listener.getsockname()
        yield f"http://{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
    finally:
        await runner.cleanup()


def event_loop() -> asyncio.AbstractEventLoop:
    """Return a new loop: uvloop's where there is one; it is not made for every platform."""
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def bind(settings: Settings) -> socket.socket:
    """Bind the address of the settings, before anything costly is done.

    Raises:
        AddressInUseError: it is taken; the text names it.
    """
    path = settings.unix_socket
    where = str(path) if path else f"{settings.host}:{settings.port}"
    listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if path:
            listener.bind(str(path))
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressInUseError(f"cannot listen on {where}: it is in use") from None
        raise
    return listener


async def run(settings: Settings, listener: socket.socket) -> None:
    """Serve the market of the settings until SIGINT, SIGTERM, or the end of stdin where that was asked for."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if os.environ.get("TECHNIC_EXIT_WITH_STDIN") == "1":
        _watch_stdin(loop, stop)
    app, what, about = await asyncio.to_thread(_application, settings)
    async with serving(app, listener) as url:
        where = url or f"unix:{settings.unix_socket}"
        print(f"{what} on {where} ({about})", file=sys.stderr, flush=True)  # noqa: T201 - told to the caller
        await stop.wait()
    if settings.unix_socket:
        settings.unix_socket.unlink(missing_ok=True)


def _application(settings: Settings) -> tuple[web.Application, str, str]:
    """Return the application, what it serves, and more about that; raises LocalDataError for files that are no bars."""
    return _replayed(settings, settings.bars) if settings.bars else _generated(settings)


def _generated(settings: Settings) -> tuple[web.Application, str, str]:
    spec = MarketSpec(settings.seed, settings.symbols, settings.end)
    folder = Folder(settings.cache, spec.fingerprint)
    folder.open()
    app = create_app(folder.market(spec), _terms(settings), settings.now, folder)
    about = f"{spec.symbols} symbols, up to {spec.end}, plan {settings.plan.name}, market {spec.fingerprint}"
    return app, "simulated market", about


def _replayed(settings: Settings, bars: Path) -> tuple[web.Application, str, str]:
    replay = Replay.read(bars, settings.universe)
    clock = settings.clock_from(replay.evening)
    if clock().astimezone(NEW_YORK).date() < replay.sessions[0]:
        raise LocalDataError(f"--clock {clock():%Y-%m-%d} is before the first bars, of {replay.sessions[0]}")
    app = create_replay(replay, _terms(settings), clock)
    about = f"{len(replay.symbols)} symbols, {replay.sessions[0]} to {replay.sessions[-1]}, plan {settings.plan.name}"
    return app, f"real bars of {bars}, replayed,", about


def _terms(settings: Settings) -> Terms:
    return Terms(settings.key, settings.plan, settings.latency_s)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop at the end of stdin: the one who started this holds its other end, and may die without a word."""

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_end, name="stdin", daemon=True).start()
