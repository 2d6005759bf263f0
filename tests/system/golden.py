"""The golden result: what a scan of the default simulated market answers. `make golden` writes it anew."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "data" / "golden_scan.json"
TOP = 100
KEPT = ("as_of", "provider", "simulated", "profile", "requested_count", "scored_count", "omissions", "rows", "regime")


def scan(home: Path, *flags: str) -> dict[str, Any]:
    """Scan the default simulated market by the command, with a stack and a home of its own; return its document."""
    technic = Path(sys.executable).with_name("technic")
    command = [str(technic), "scan", "--format", "json", "--top", str(TOP), "--home", str(home), *flags]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=100)
    return dict(json.loads(ran.stdout))


def kept(document: dict[str, Any]) -> dict[str, Any]:
    """Return what is pinned: everything but ids, times, counts of calls, hashes and versions."""
    return {name: document[name] for name in KEPT}


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(kept(scan(Path(sys.argv[1]))), indent=1) + "\n")
