"""What the command's tests share: a scripted gateway on a Unix socket, and the command as a process."""

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from services.rpc.serve import ServerSpec, start
from technic.v1 import gateway_service_pb2_grpc
from tests.cli.scripted import SERVICE, ScriptedGateway

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """A scripted gateway that runs."""

    address: str
    script: ScriptedGateway


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


async def _ready() -> None:
    """Need no warming."""


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    script = ScriptedGateway()
    spec = ServerSpec(
        name="gateway",
        address=f"unix:{tmp_path}/gateway",
        register=lambda server: gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(script, server),
        service_names=(SERVICE,),
        warm=_ready,
        drain_s=0.1,
    )
    running = await start(spec)
    yield Gateway(running.address, script)
    await running.stop()


def clean_environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without anything of the developer's that the command would heed."""
    heeded = ("MASSIVE_", "POLYGON_", "TECHNIC_", "FETCHER_", "SCORER_", "INFERENCE_", "GATEWAY_", "COLUMNS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(heeded)}
    return {**environment, "HOME": str(home), **extra}


class Technic:
    """Runs the command as a process; `home` is what it may litter, and should not."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.pids = home / "pids"
        self.temporary = home / "tmp"
        self.pids.mkdir()
        self.temporary.mkdir()

    @asynccontextmanager
    async def started(self, module: str, *arguments: str, **variables: str) -> AsyncIterator[Process]:
        """Start the command; it does not outlive the block."""
        own = {"TMPDIR": str(self.temporary), "FAKE_PIDS": str(self.pids)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            cwd=REPOSITORY,
            env=clean_environment(self.home, own | variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def run(self, *arguments: str, module: str = "services.cli", **variables: str) -> Outcome:
        """Run the command to its end."""
        async with self.started(module, *arguments, **variables) as process:
            return await ended(process)

    def survivors(self) -> list[str]:
        """Return the names of the stand-ins that still run."""
        pids = {path.name: int(path.read_text() or 0) for path in self.pids.iterdir()}
        return [name for name, pid in pids.items() if pid and _runs(pid)]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def ended(process: Process) -> Outcome:
    """Wait for the end of a process, and take what it wrote since it was last read."""
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return Outcome(process.returncode or 0, out.decode(), err.decode())


async def line_with(stream: asyncio.StreamReader | None, text: str) -> str:
    """Read lines until one holds `text`."""
    assert stream is not None
    async with asyncio.timeout(PATIENCE_S):
        while text not in (line := (await stream.readline()).decode()):
            assert line, f"the stream ended without {text!r}"
    return line


@pytest.fixture
def technic() -> Iterator[Technic]:
    """Give the command a short path to litter: names of sockets are bounded."""
    with tempfile.TemporaryDirectory(prefix="t-") as home:
        yield Technic(Path(home))
