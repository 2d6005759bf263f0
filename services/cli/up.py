"""The up command: a stack that stays."""

import asyncio
import sys
from typing import Final

from services.cli import exits
from services.cli.progress import ProgressView, open_view
from services.cli.readiness import wait_until_ready
from services.cli.stack import Stack

_WATCH_S: Final = 0.25


def run(stack: Stack) -> int:
    """Wait until the stack is ready, say where it listens, and stay until Ctrl-C or SIGTERM.

    Raises:
        TechnicError: a process could not start, or ended.
        KeyboardInterrupt: broken off before the stack was ready.
    """
    with open_view(sys.stderr) as view:
        asyncio.run(_start(stack, view))
    try:
        print(_describe(stack), flush=True)
        asyncio.run(_watch(stack))
    except KeyboardInterrupt:
        # Here it is the way to say: enough.
        print("stopping ...", file=sys.stderr, flush=True)
    return exits.OK


async def _start(stack: Stack, view: ProgressView) -> None:
    view.starting(tuple(process.name for process in stack.processes))
    await wait_until_ready(stack, view.ready)


async def _watch(stack: Stack) -> None:
    while True:
        stack.check()
        await asyncio.sleep(_WATCH_S)


def _metrics(stack: Stack) -> list[str]:
    """Tell where metrics are, of the services that serve them."""
    places = (p.command.environment.get(f"{p.name.upper()}_METRICS_ADDRESS") for p in stack.processes)
    found = [f"http://{place}/metrics" for place in places if place]
    return ["metrics:", *(f"  {url}" for url in found)] if found else []


def _describe(stack: Stack) -> str:
    listening = [f"  {process.name:10} {process.command.address}" for process in stack.processes]
    gateway = stack.addresses.gateway
    return "\n".join(
        [
            "ready:",
            *listening,
            f"logs: {stack.logs}",
            *_metrics(stack),
            "try:",
            f"  technic scan --gateway {gateway}",
            f"  grpcurl -plaintext -d '{{\"top_count\": 5}}' {gateway} technic.v1.GatewayService/ScanUniverse",
            "Ctrl-C stops everything.",
        ]
    )
