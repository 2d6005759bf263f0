"""The processes of a stack together: all started at once, all ended, whatever happens in between.

Imports little on purpose: the processes load their libraries while the command loads its own.
"""

import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.cli.launch import Addresses, ServiceCommand
from services.cli.process import ServiceProcess
from services.market.errors import InvalidRequestError, ServiceUnavailableError

LEAVE_S: Final = 10.0
"""Seconds that processes get to end by themselves, as many as a drain takes; those that stay are killed."""
_POLL_S: Final = 0.02
_LONGEST_SOCKET_PATH: Final = 100


class Stack:
    """Processes that were started together. Made by `open_stack`, which also ends them."""

    def __init__(self, addresses: Addresses, processes: Sequence[ServiceProcess], logs: Path) -> None:
        self.addresses = addresses
        self.processes = processes
        self.logs = logs

    def __repr__(self) -> str:
        return f"Stack({', '.join(process.name for process in self.processes)})"

    def check(self) -> None:
        """Raise the error of the first process that has ended, if one has."""
        for process in self.processes:
            process.check()


@contextmanager
def open_stack(
    addresses: Addresses | Callable[[Path], Addresses],
    plan: Callable[[Addresses], tuple[ServiceCommand, ...]],
    home: Path | None,
    leave_s: float = LEAVE_S,
) -> Iterator[Stack]:
    """Start the processes that `plan` lists; end them, and remove their sockets, when the block is left.

    Args:
        addresses: where they listen, or a function that finds places in a private folder.
        plan: lists the processes.
        home: folder in which their logs stay; None for one that goes with the stack.
        leave_s: seconds that they get to end by themselves. A second Ctrl-C cuts this short.

    Raises:
        InvalidRequestError: the folder for logs cannot be made.
        ServiceUnavailableError: a process cannot be started, or TMPDIR is too long a path for sockets.
    """
    folder = Path(tempfile.mkdtemp(prefix="technic-"))
    processes: list[ServiceProcess] = []
    try:
        if len(str(folder)) > _LONGEST_SOCKET_PATH - len("/inference"):
            raise ServiceUnavailableError(f"{folder} is too long a path for sockets: set TMPDIR to a shorter one")
        logs = _make_folder(home / "logs" if home else folder / "logs")
        places = addresses(folder) if callable(addresses) else addresses
        for command in plan(places):
            processes.append(ServiceProcess(command, logs / f"{command.name}.log"))  # noqa: PERF401  # ends those started
        yield Stack(places, processes, logs)
    finally:
        _end(processes, folder, leave_s)


def refuse_taken_ports(commands: Sequence[ServiceCommand]) -> None:
    """Check that every port is free, before anything is started.

    Raises:
        ServiceUnavailableError: names the port that is in use.
    """
    for command in commands:
        host, _, port = command.address.rpartition(":")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError:
                raise ServiceUnavailableError(
                    f"port {port}, where the {command.name} would listen, is in use: is `technic up` running already?"
                ) from None


def _make_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be made: {error.strerror}") from error
    return path


def _end(processes: Sequence[ServiceProcess], folder: Path, leave_s: float) -> None:
    with _hurried() as hurry:
        for process in processes:
            process.leave()
        deadline = time.monotonic() + leave_s
        while any(process.running for process in processes) and time.monotonic() < deadline and not hurry:
            time.sleep(_POLL_S)
        for process in processes:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _hurried() -> Iterator[list[int]]:
    """Collect Ctrl-C instead of being broken off by it: what we started must be ended first."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield pressed
    finally:
        # Whoever presses again and again must not break off the way out either.
        signal.signal(signal.SIGINT, signal.SIG_IGN if pressed else before)
