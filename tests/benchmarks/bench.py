"""What all groups of measurements share, and how they get services to measure."""

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc

from services.cli.stack import Stack
from services.rpc.channel import open_channel
from tests.benchmarks.client import TimedScan, scan
from tests.benchmarks.predecessor import PeerResult
from tests.benchmarks.scale import Scale
from tests.benchmarks.stacks import Provider, open_services, ready, store_settings

FORGETFUL: Final = {"SCORER_CACHE_MB": "0"}
"""Settings of a scorer that scores every time, so that what that takes can be measured."""


@dataclass(frozen=True, slots=True)
class Running:
    """Four services that are ready.

    Attributes:
        stack: their processes.
        gateway: a channel to the gateway.
        ready_s: seconds from the first process's start until all were ready.
    """

    stack: Stack
    gateway: grpc.aio.Channel
    ready_s: float


@dataclass(slots=True)
class Bench:
    """A run of the bench.

    Attributes:
        provider: the running simulator.
        scale: how much is measured.
        say: tells a person what is going on.
        kept: what ends with the bench.
        hot: services with the bars of the newest session's scan in memory, once they were needed; they score anew each
            time.
        repeating: services that remember what they scored, once they were needed.
        hashes: result hashes of the scans that must agree, by the state that they started from.
        peer: the predecessor's way, once it was measured.
    """

    provider: Provider
    scale: Scale
    say: Callable[[str], None]
    kept: AsyncExitStack
    hot: Running | None = None
    repeating: Running | None = None
    hashes: dict[str, set[str]] = field(default_factory=dict)
    peer: PeerResult | None = None

    def agree(self, state: str, done: TimedScan) -> TimedScan:
        """Note the hash of a scan of the whole universe as of the newest session, and hand the scan on."""
        self.hashes.setdefault(state, set()).add(done.result.result_hash)
        return done

    @property
    def agreed(self) -> bool:
        """Whether every such scan came to the same result."""
        return len(set().union(*self.hashes.values())) <= 1


@asynccontextmanager
async def running(
    bench: Bench, store: Path | None = None, settings: Mapping[str, str] = FORGETFUL
) -> AsyncIterator[Running]:
    """Run four services with nothing in memory, over `store`, or over an empty one that goes with them."""
    with tempfile.TemporaryDirectory(prefix="technic-bench-") as empty:
        settings = {**settings, **(store_settings(store or Path(empty)) or {})}
        began = time.perf_counter()
        with open_services(bench.provider, settings) as stack:
            await ready(stack)
            ready_s = time.perf_counter() - began
            async with open_channel(stack.addresses.gateway) as gateway:
                yield Running(stack, gateway, ready_s)


async def hot_services(bench: Bench) -> Running:
    """Return services with all bars in memory; they are started once, and end with the bench."""
    if bench.hot is None:
        bench.hot = await bench.kept.enter_async_context(running(bench))
        bench.agree("cold", await scan(bench.hot.gateway))
    return bench.hot


async def repeating_services(bench: Bench) -> Running:
    """Return services that were asked for everything before; they are started once, and end with the bench."""
    if bench.repeating is None:
        bench.repeating = await bench.kept.enter_async_context(running(bench, settings={}))
        bench.agree("cold", await scan(bench.repeating.gateway))
    return bench.repeating
