"""What goes into the images: pinned and hashed, at the versions that the tests run with, and no more than is needed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SERVICES = ("fetcher", "scorer", "inference", "gateway", "simulator")
LOCKS = sorted((ROOT / "docker" / "requirements").glob("*.lock"))

LOADER = """
import importlib, pkgutil, re, sys
from importlib.metadata import packages_distributions

service, *hidden = sys.argv[1:]
owners = packages_distributions().items()
modules = {name for name, whose in owners if {re.sub("[_.]", "-", owner.lower()) for owner in whose} <= set(hidden)}

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in modules:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Hidden())
package = importlib.import_module(f"services.{service}")
for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    importlib.import_module(module.name)
"""


def pins(lock: Path) -> dict[str, frozenset[str]]:
    """Return the hashes of every pin of a lock: `name==version; marker` by itself."""
    parts = re.split(r"\n(?=[a-zA-Z0-9])", lock.read_text().strip())
    return {part.split(" \\")[0]: frozenset(re.findall(r"sha256:[0-9a-f]{64}", part)) for part in parts}


def names(lock: Path) -> set[str]:
    """Return the names that a lock pins."""
    return {pin.partition("==")[0] for pin in pins(lock)}


def test_each_image_has_a_lock() -> None:
    assert [lock.stem for lock in LOCKS] == sorted((*SERVICES, "build"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_images_have_the_packages_that_the_tests_run_with(lock: Path) -> None:
    # Markers may differ: what some extra needs on one platform only, another one needs everywhere.
    whole = {pin.split(" ;")[0]: hashes for pin, hashes in pins(ROOT / "requirements.lock").items()}
    ours = {pin.split(" ;")[0]: hashes for pin, hashes in pins(lock).items()}
    assert ours
    assert {pin: whole.get(pin) for pin in ours} == ours
    assert all(ours.values())


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_what_its_extra_names(service: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras[service], *extras["cli"]]
    wanted_names = {re.split(r"[^A-Za-z0-9_-]", requirement)[0] for requirement in wanted}
    pinned = names(ROOT / "docker" / "requirements" / f"{service}.lock")
    assert wanted_names <= pinned
    assert not pinned & {"pytest", "mypy", "ruff", "hatchling", "grpcio-tools", "pandas", "pyarrow"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_with_the_packages_of_its_image_alone(service: str) -> None:
    # All that is not pinned for the image is hidden; what a service loads as it is composed must be there.
    hidden = names(ROOT / "requirements.lock") - names(ROOT / "docker" / "requirements" / f"{service}.lock")
    ran = subprocess.run(
        (sys.executable, "-c", LOADER, service, *sorted(hidden)),
        check=False, capture_output=True, text=True, timeout=60, cwd=ROOT,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
