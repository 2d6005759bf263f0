"""Runs the campaign: `python -m tests.campaign`. The table goes to stdout and a dated file, progress to stderr.

Exit codes: 0 all promises were kept, 1 one was not, 130 broken off.
"""

import argparse
import asyncio
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from tests.benchmarks.scale import NORMAL, QUICK
from tests.benchmarks.stacks import open_provider, ready
from tests.campaign.budgets import RUNS as BUDGETS
from tests.campaign.budgets import STATES, run_budgets
from tests.campaign.campaign import Campaign, Part
from tests.campaign.cancels import run_cancels
from tests.campaign.kills import run_kills
from tests.campaign.soak import run_soak
from tests.campaign.table import Row, to_markdown

PARTS: Final[dict[str, Part]] = {
    "budgets": run_budgets,
    "cancels": run_cancels,
    "kills": run_kills,
    "soak": run_soak,
}
_CANCELLED: Final = 130
_HOME: Final = Path("build/bench")
"""Where the bench keeps the simulator's answers, too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, write the table, and return the exit code."""
    parsed = _parser().parse_args(arguments)
    # A script's background job is started with SIGINT ignored; what is sent to us is meant, all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    rows: list[Row] = []
    code = 0
    try:
        asyncio.run(_run(parsed, rows))
    except KeyboardInterrupt:
        _say("broken off")
        code = _CANCELLED
    finally:
        if rows:
            section = _section(rows, parsed.seed, " ".join(arguments or sys.argv[1:]))
            _append(parsed.out, section)
            print(section)  # noqa: T201  # what it is for
    return code or int(not all(row.ok for row in rows))


async def _run(parsed: argparse.Namespace, rows: list[Row]) -> None:
    """Start the simulator and run the parts; `rows` holds what was measured so far, however this ends."""
    began, home = time.monotonic(), _HOME.absolute()
    with ExitStack() as kept:
        if parsed.quick:
            # A tiny market would push those of other simulators out of a folder that is kept.
            home = Path(kept.enter_context(TemporaryDirectory(prefix="technic-")))
        provider, simulator = kept.enter_context(open_provider(QUICK if parsed.quick else NORMAL, home))
        await ready(simulator)
        for name, part in PARTS.items():
            if name in (parsed.only or PARTS):
                campaign = Campaign(
                    provider=provider,
                    runs=parsed.runs,
                    states=parsed.state or list(STATES),
                    budgets_s=parsed.budget or list(BUDGETS),
                    random=Random(parsed.seed),  # noqa: S311  # no secret
                    say=lambda text: _say(f"{time.monotonic() - began:6.0f} s  {text}"),
                )
                campaign.say(f"{name} ...")
                async for row in part(campaign):
                    rows.append(row)
                    campaign.say(to_markdown([row]).splitlines()[-1])


def _append(path: Path, section: str) -> None:
    """Add a section to the day's file; the first one gives it its title."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else f"# Campaign of {datetime.now(UTC):%Y-%m-%d}\n"
    path.write_text(f"{before}\n{section}")


def _section(rows: list[Row], seed: int, arguments: str) -> str:
    command = f'make campaign ARGS="{arguments}"' if arguments else "make campaign"
    machine = f"{_machine()}, Python {platform.python_version()}, load {os.getloadavg()[2]:.1f} at the end"
    return f"## {datetime.now(UTC):%H:%M} UTC: {command}\n\nSeed {seed}; {machine}.\n\n{to_markdown(rows)}\n"


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in info if line.startswith("model name")]
    return f"{len(models)} cores of {models[0]}"


def _dated() -> Path:
    return Path(f"docs/campaign-{datetime.now(UTC):%Y-%m-%d}.md")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # progress


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaign", description="Tries what is promised, again and again, for hours."
    )
    add = parser.add_argument
    add("--only", action="append", choices=PARTS, help="run this part alone; may be given several times")
    add("--state", action="append", choices=STATES, help="budgets: start from this state alone; again for more")
    add("--budget", action="append", type=float, choices=BUDGETS, help="budgets: this one alone, in s; again for more")
    add("--runs", type=int, metavar="N", help="most runs of each thing (default: each part's own number)")
    add("--quick", action="store_true", help="a tiny market: does the campaign itself still run?")
    add("--seed", type=int, default=7, metavar="N", help="of all randomness (default: %(default)s)")
    add("--out", type=Path, default=_dated(), metavar="FILE", help="gets a section more (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
