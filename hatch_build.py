"""Builds the gRPC stubs from `protos/` into `gen/` on every install (`pip install -e .` included)."""

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
PROTOS = ROOT / "protos"
GEN = ROOT / "gen"


def generate() -> None:
    """Compile every proto below `protos/` to messages, service stubs and types below `gen/`.

    Raises:
        RuntimeError: protoc refused a file; its own message stands on stderr.
    """
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    shutil.rmtree(GEN, ignore_errors=True)
    GEN.mkdir()
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTOS}",
            f"--proto_path={files('grpc_tools') / '_proto'}",
            f"--python_out={GEN}",
            f"--pyi_out={GEN}",
            f"--grpc_python_out={GEN}",
            *sources,
        ],
    )
    if status != 0:
        msg = f"protoc failed with status {status} on {', '.join(sources)}"
        raise RuntimeError(msg)
    # PEP 561: without the marker mypy ignores the generated types. `technic` stays a namespace package.
    for folder in {Path(GEN, source).parent for source in sources}:
        (folder / "py.typed").touch()


class StubsHook(BuildHookInterface):  # type: ignore[type-arg]  # the generic parameter is hatchling's own builder config
    """Runs `generate` before hatchling packs or links the project."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # the hook's fixed signature
        """Generate the stubs; called by hatchling."""
        generate()


if __name__ == "__main__":
    generate()
