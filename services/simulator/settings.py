"""The simulator's command line."""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

from services.market.sessions import NEW_YORK, nearest_session
from services.simulator.plans import PLANS, Plan

STANDING: Final = datetime(2025, 9, 30, 20, tzinfo=NEW_YORK)
"""Where the clock of a generated market stands: a scan of it is the same on every day."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a simulator runs with.

    Args:
        host: address to listen on.
        port: TCP port; 0 takes a free one.
        unix_socket: path of a Unix socket to listen on instead of TCP.
        key: the one valid API key; kept out of the repr.
        plan: of that key.
        latency_s: wait before every answer, in seconds.
        clock: the moment at which the simulated clock stands still, aware; `now` lets it follow the real one; None
            leaves it to the market.
        bars: file or folder of real bars that are replayed; None for a generated market.
        universe: file of what is known of their symbols; None for the one beside them.
        seed: of the market.
        symbols: number of active listings.
        cache: folder for markets and finished bodies.
    """

    host: str
    port: int
    unix_socket: Path | None
    key: str = field(repr=False)
    plan: Plan
    latency_s: float
    clock: datetime | Literal["now"] | None
    bars: Path | None
    universe: Path | None
    seed: int
    symbols: int
    cache: Path

    @property
    def now(self) -> Callable[[], datetime]:
        """Return the clock of a generated market."""
        return self.clock_from(STANDING)

    def clock_from(self, standing: datetime) -> Callable[[], datetime]:
        """Return the simulated clock, which stands at `standing` where no other time was asked for."""
        if self.clock == "now":
            return lambda: datetime.now(UTC)
        fixed = self.clock or standing
        return lambda: fixed

    @property
    def end(self) -> date:
        """Return the session that the market is generated up to: the clock's date, or the session before it."""
        return nearest_session(self.now().astimezone(NEW_YORK).date())


def read_settings(arguments: Sequence[str] | None = None) -> Settings:
    """Read the command line; exits with status 2 and a line on stderr if it is wrong."""
    parser = _parser()
    read = parser.parse_args(arguments)
    if read.universe and not read.bars:
        parser.error("--universe tells of the symbols of --bars")
    return Settings(
        host=read.host,
        port=read.port,
        unix_socket=read.unix_socket,
        key=read.key,
        plan=PLANS[read.plan],
        latency_s=read.latency_ms / 1000,
        clock=read.clock,
        bars=read.bars,
        universe=read.universe,
        seed=read.seed,
        symbols=read.symbols,
        cache=read.cache.expanduser(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.simulator",
        description="Serves a stock market over the Massive REST API: a generated one, or real bars from files.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_within(0, 65_535), default=8100, help="TCP port, 0 for a free one (default: %(default)s)")
    add("--unix-socket", type=Path, metavar="PATH", help="listen on this Unix socket instead of TCP")
    key = os.environ.get("SIMULATOR_KEY", "simulated")
    # Not shown as a default: help texts end up in logs.
    add("--key", default=key, help="the one valid API key (default: $SIMULATOR_KEY, else simulated)")
    add(
        "--plan",
        choices=PLANS,
        default="advanced",
        help="the key's plan: limits and entitlements (default: %(default)s)",
    )
    add("--latency-ms", type=_within(0, 60_000), default=60, help="wait before every answer (default: %(default)s)")
    add(
        "--clock",
        type=_clock,
        metavar="TIME",
        help="New York time at which the clock stands, or `now` "
        f"(default: {STANDING:%Y-%m-%dT%H:%M}; 20:00 of the last session of --bars)",
    )
    add("--bars", type=Path, metavar="PATH", help="replay real bars: a Parquet or CSV file, or a folder of them")
    add("--universe", type=Path, metavar="FILE", help="names and types (default: universe.parquet beside the bars)")
    add("--seed", type=_within(0, 2**31), default=7, help="of all randomness (default: %(default)s)")
    add("--symbols", type=_within(100, 50_000), default=12_500, help="active listings (default: %(default)s)")
    add(
        "--cache", type=Path, default=Path("~/.cache/technic"), metavar="DIR", help="kept bodies (default: %(default)s)"
    )
    return parser


def _within(least: int, most: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not in {least}..{most}")
        return value

    return whole_number


def _clock(text: str) -> datetime | Literal["now"]:
    """Read a time without zone as New York's."""
    if text == "now":
        return "now"
    try:
        moment = datetime.fromisoformat(text)
        nearest_session(moment.date())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK)
