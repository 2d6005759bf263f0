"""The containers of the compose project: how large their images are, how soon they serve, what memory they take."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Figure
from tests.compose.conftest import free_port
from tests.compose.engine import engine_missing
from tests.compose.project import ROOT, SERVICES, Project, docker, run, started

_MB = 1e6
_PEAKS = ("memory/docker/{0}/memory.max_usage_in_bytes", "docker/{0}/memory.peak")
"""Where the kernel notes the peak of a container: control groups of version 1 and 2."""


async def measure_containers(bench: Bench) -> AsyncIterator[Figure]:
    """Build the images, start the project, and scan; nothing, with a word, where no engine can run."""
    if not bench.scale.gates:
        return
    missing = await asyncio.to_thread(engine_missing)
    if missing:
        bench.say(f"containers are not measured: {missing}")
        return
    for figure in await asyncio.to_thread(_measure, bench):
        yield figure


def _measure(bench: Bench) -> list[Figure]:
    built = run("docker", "compose", "build", timeout_s=1200)
    if built.code != 0:
        raise RuntimeError(f"the images cannot be built: {built.err[-2000:]}")
    figures = [_size(service) for service in SERVICES]
    starts: list[float] = []
    peaks: Mapping[str, float] = {}
    files = (ROOT / "docker-compose.yml",)
    project = Project(f"technic-bench-{os.getpid()}", free_port(), files)
    for number in range(bench.scale.cold_runs):
        with started(project) as running:
            starts.append(running.up("--force-recreate").took_s)
            if number + 1 == bench.scale.cold_runs:
                for _ in range(3):
                    running.whole_scan()
                peaks = {service: _peak_mb(running.containers(service)[0]) for service in SERVICES}
    figures.append(Figure("containers: all five ended, made anew and healthy", "s", tuple(starts), target=30))
    figures += [Figure(f"containers: {name}, peak memory", "MB", (peak,), note=_LIMIT) for name, peak in peaks.items()]
    return figures


_LIMIT = "page cache and tmpfs included; after a restart over a full store and three scans"


def _size(service: str) -> Figure:
    """Return the size of an image as it is sent, beside the one it has on disk."""
    image = f"technic-{service}"
    disk = json.loads(docker("image", "inspect", image))[0]["Size"] / _MB
    base = json.loads(docker("image", "inspect", "python:3.11-slim-bookworm"))[0]["Size"] / _MB
    with tempfile.TemporaryDirectory(prefix="technic-bench-") as folder:
        packed = Path(folder) / "image.gz"
        done = run("sh", "-c", f"docker save {image} | gzip -6 > {packed}", timeout_s=300)
        if done.code != 0:
            raise RuntimeError(f"{image} cannot be saved: {done.err}")
        sent = packed.stat().st_size / _MB
    note = f"compressed, as a registry sends it; on disk {disk:.0f} MB, {base:.0f} of them the base of all five"
    return Figure(f"containers: image of {service}", "MB", (sent,), target=350, limit=350, note=note)


def _peak_mb(container: str) -> float:
    for place in _PEAKS:
        path = Path("/sys/fs/cgroup") / place.format(docker("inspect", "--format", "{{.Id}}", container))
        if path.exists():
            return int(path.read_text()) / _MB
    raise RuntimeError(f"the kernel's note of the peak memory of {container} is in none of {_PEAKS}")
