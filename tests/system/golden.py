"""The golden results: what scans of the default simulated market answer. `make golden` writes them anew."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOP = 100
CASES: dict[str, tuple[str, ...]] = {
    "golden_scan": ("--top", str(TOP)),
    "golden_position": ("--style", "position", "--shorts", "--plans", "--account", "50K", "--top", "25"),
    "golden_balanced": ("--style", "short_term_swing", "--profile", "balanced", "--plans", "--top", "25"),
}
"""Options of `technic scan` by the name of the file that keeps what came of them."""
KEPT = (
    *("as_of", "provider", "simulated", "profile", "style", "horizon", "plan_terms"),
    *("requested_count", "scored_count", "omissions", "rows", "shorts", "regime"),
)


def scan(home: Path, *flags: str) -> dict[str, Any]:
    """Scan the default simulated market by the command, with a stack and a home of its own; return its document."""
    technic = Path(sys.executable).with_name("technic")
    command = [str(technic), "scan", "--format", "json", "--home", str(home), *flags]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=100)
    return dict(json.loads(ran.stdout))


def kept(document: dict[str, Any]) -> dict[str, Any]:
    """Return what is pinned: everything but ids, times, counts of calls, hashes and versions."""
    return {name: document[name] for name in KEPT}


def place(case: str) -> Path:
    """Return where a case is kept."""
    return Path(__file__).parents[1] / "data" / f"{case}.json"


if __name__ == "__main__":
    for name, options in CASES.items():
        place(name).write_text(json.dumps(kept(scan(Path(sys.argv[1]), *options)), indent=1) + "\n")
