"""A pytest plugin: no secret of a test may come out of what runs in it.

Tests give these keys and tokens to what they run. When a test has ended, what was captured of its output, and the logs
in its temporary folder, are searched for them.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

PROVIDER_KEY: Final = "canary-KEY-5a1f"
TOKEN: Final = "technic_canary-TOKEN-7c2e-"  # noqa: S105  # of tests
"""What each token of a test begins with."""
CANARIES: Final = (PROVIDER_KEY, TOKEN)


def found_in(text: str) -> tuple[str, ...]:
    """Return the secrets that a text holds."""
    return tuple(canary for canary in CANARIES if canary in text)


def leaks(sections: Sequence[tuple[str, str]], folder: Path | None) -> list[str]:
    """Say where secrets came out: in which captured section, and in which log below `folder`."""
    logs = [] if folder is None else [path for path in folder.rglob("*.log*") if path.is_file()]
    texts = [*sections, *((str(path), path.read_text(errors="replace")) for path in logs)]
    return [f"{canary} in {place}" for place, text in texts for canary in found_in(text)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Let a test fail at its end if a secret came out."""
    report = yield
    if call.when == "teardown" and report.passed:
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        told = leaks(report.sections, folder)
        if told:
            report.outcome = "failed"
            report.longrepr = f"a secret came out: {'; '.join(told)}"
    return report
