"""Fixtures for every test: asyncio on uvloop as in the services, an environment without settings of the machine."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from hypothesis import settings

# For the trainer's tests, as in `technic train`: XGBoost's waiting threads sleep; it reads this when it loads.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# On a busy machine any example may take long; what must be fast is measured elsewhere, in ratios.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

pytest_plugins = ("tests.canary",)

PREFIXES = ("FETCHER_", "SCORER_", "INFERENCE_", "GATEWAY_", "SIMULATOR_", "TECHNIC_", "MASSIVE_", "POLYGON_")


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run async tests on the loop that the services run on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True, scope="session")
def _bare_environment() -> Iterator[None]:
    """Hide settings and keys of the machine that runs the tests."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(PREFIXES)}
    yield
    os.environ.update(hidden)


@pytest.fixture
def shared_data() -> Path:
    """Folder of the real market data beside the repository; tests that need it are skipped without it."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real market data in ../shared/data")
    return folder
