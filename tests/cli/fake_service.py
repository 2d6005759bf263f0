"""A stand-in for any service of a stack: `python -m tests.cli.fake_service NAME`, behaving as FAKE_<NAME> says.

serve (default): is healthy, and a scripted gateway if that is its name. listen: only listens, and leaves with stdin.
refuse: exits like one with wrong settings. fail, unreadable: exits like one that cannot start.
stubborn: listens, never leaves. never: neither listens nor leaves before it is told to.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import grpc


def main() -> None:
    name = sys.argv[1]
    mode = os.environ.get(f"FAKE_{name.upper()}", "serve")
    (Path(os.environ["FAKE_PIDS"]) / name).write_text(str(os.getpid()))
    if mode == "refuse":
        refuse("FETCHER_PLAN: not a plan", 2)
    if mode == "fail":
        refuse('{"event": "cannot_start", "error": "the disk is full", "reason": "SERVICE_UNAVAILABLE"}', 69)
    if mode == "unreadable":
        refuse('{"event": "cannot_start", "error": "these are no bars", "reason": "LOCAL_DATA"}', 69)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if name == "simulator" or mode in {"listen", "stubborn"}:
        listener = listen(name)
    if mode == "serve" and name != "simulator":
        serve(name)
    elif mode == "stubborn":
        time.sleep(60)
    else:
        sys.stdin.read()
        if mode != "never":
            listener.close()


def refuse(line: str, code: int) -> NoReturn:
    sys.stderr.write(f"{line}\n")
    sys.exit(code)


def listen(name: str) -> socket.socket:
    if name == "simulator":
        listener = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])))
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.environ[f"{name.upper()}_ADDRESS"].removeprefix("unix:"))
        listener.listen()
    return listener


def serve(name: str) -> None:
    from services.rpc.serve import ServerSpec, run  # noqa: PLC0415  # slow, and not every mode needs it
    from technic.v1 import fetcher_service_pb2_grpc, gateway_service_pb2_grpc  # noqa: PLC0415  # as above
    from tests.cli.scripted import SERVICE, ScriptedGateway  # noqa: PLC0415  # as above
    from tests.cli.scripted_fetcher import ScriptedFetcher  # noqa: PLC0415  # as above

    @asynccontextmanager
    async def compose() -> AsyncIterator[ServerSpec]:
        def register(server: "grpc.aio.Server") -> None:
            gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server(ScriptedGateway(), server)
            fetcher_service_pb2_grpc.add_FetcherServiceServicer_to_server(ScriptedFetcher(), server)

        yield ServerSpec(
            name=name,
            address=os.environ[f"{name.upper()}_ADDRESS"],
            register=register,
            service_names=(SERVICE,),
            warm=lambda: asyncio.sleep(0),
        )

    run(compose())


if __name__ == "__main__":
    main()
