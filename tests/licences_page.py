"""Writes docs/licences.md anew: `make licences-doc`. The licences of what requirements.lock pins, as installed."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "licences.md"
_LONGEST: Final = 60


def pinned() -> list[str]:
    """Return the pinned packages, by name."""
    return re.findall(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)


def licence_of(package: Distribution) -> str:
    """Return a package's licence, in the words of its metadata."""
    metadata: dict[str, Any] = package.metadata.json
    classified = [name.rpartition(" :: ")[2] for name in metadata.get("classifier", []) if name.startswith("License")]
    words: str = metadata.get("license_expression") or ", ".join(classified) or metadata.get("license") or "not said"
    first = words.strip().splitlines()[0]
    return first if len(first) <= _LONGEST else f"{first[:_LONGEST]}..."


def render() -> str:
    """Return the page; a package that this platform does not install is named without its licence."""
    lines = [
        "# Licences of dependencies",
        "",
        "Technic itself is under the MIT licence (`LICENSE`). What it installs, from the packages' own metadata; each",
        "image holds a part of it only; the packages of the extra `dev` are for tests. Made by `make licences-doc`.",
        "",
        "| package | licence |",
        "| --- | --- |",
    ]
    for name in sorted(set(pinned()), key=str.lower):
        try:
            lines.append(f"| {name} | {licence_of(distribution(name))} |")
        except PackageNotFoundError:
            lines.append(f"| {name} | not installed on this platform |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render())
