"""Runs the bench: `python -m tests.benchmarks`. The table goes to stdout, progress to stderr, figures to a JSON file.

Exit codes: 0 all gates hold, 1 a gate fails or results differ, 130 broken off.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.bench import Bench, running
from tests.benchmarks.client import scan
from tests.benchmarks.figures import Figure, to_json, to_markdown
from tests.benchmarks.groups import GROUPS, ON_REQUEST
from tests.benchmarks.scale import NORMAL, QUICK, Scale
from tests.benchmarks.stacks import open_provider, ready

_FULL_HOT_RUNS = 30
_CANCELLED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the figures, and return the exit code."""
    parsed = _parser().parse_args(arguments)
    scale = QUICK if parsed.quick else NORMAL
    if parsed.full:
        scale = replace(scale, hot_runs=_FULL_HOT_RUNS)
    # A script's background job is started with SIGINT ignored; what is sent to us is meant, all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        figures, bench = asyncio.run(
            _measure(scale, parsed.only or [name for name in GROUPS if name not in ON_REQUEST], parsed.out.parent)
        )
    except KeyboardInterrupt:
        _say("broken off")
        return _CANCELLED
    parsed.out.write_text(to_json(figures))
    print(to_markdown(figures))  # noqa: T201  # what it is for
    return _judge(figures, bench)


async def _measure(scale: Scale, groups: list[str], folder: Path) -> tuple[list[Figure], Bench]:
    """Start the simulator, let it make its answers, and run the groups."""
    began = time.monotonic()
    figures: list[Figure] = []
    async with AsyncExitStack() as kept:
        # A tiny market would push those of other simulators out of a folder that is kept.
        home = (
            folder / "bench" if scale.gates else Path(kept.enter_context(TemporaryDirectory(prefix="technic-bench-")))
        )
        provider, simulator = kept.enter_context(open_provider(scale, home))
        await ready(simulator)
        bench = Bench(provider, scale, lambda text: _say(f"{time.monotonic() - began:5.0f} s  {text}"), kept)
        bench.say("simulator ready")
        if scale.gates:
            bench.say("a scan that does not count: the simulator keeps its answers, kernels are compiled")
            async with running(bench) as services:
                await scan(services.gateway)
        for name, group in GROUPS.items():
            if name in groups:
                bench.say(f"{name} ...")
                measured = [figure async for figure in group(bench)]
                figures += measured if scale.gates else [replace(figure, limit=None) for figure in measured]
        bench.say("done")
    return figures, bench


def _judge(figures: list[Figure], bench: Bench) -> int:
    for figure in figures:
        if figure.ok is False:
            _say(f"gate fails: {figure.name} is {figure.median:.3g} {figure.unit}, its limit {figure.limit:.3g}")
    if not bench.agreed:
        _say(f"results differ: {bench.hashes}")
    return int(not bench.agreed or any(figure.ok is False for figure in figures))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # progress


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measures Technic on this machine.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="a tiny market, seconds, no gates: does the bench still run?"
    )
    size.add_argument("--full", action="store_true", help=f"{_FULL_HOT_RUNS} hot scans instead of {NORMAL.hot_runs}")
    parser.add_argument(
        "--only", action="append", choices=GROUPS, help="measure this group alone; may be given several times"
    )
    parser.add_argument(
        "--out", type=_file, default="build/bench.json", metavar="FILE", help="figures as JSON (default: %(default)s)"
    )
    return parser


def _file(text: str) -> Path:
    path = Path(text).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    sys.exit(main())
