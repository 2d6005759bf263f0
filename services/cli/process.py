"""One process of a stack: started with a pipe that ties its life to ours, watched, and ended."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Final

from services.cli import exits
from services.cli.launch import ServiceCommand
from services.market.errors import InvalidRequestError, LocalDataError, ServiceUnavailableError, TechnicError

LOG_BOUND: Final = 10 * 1024 * 1024
"""Bytes after which a kept log is set aside when the next process starts."""
_TAIL: Final = 64 * 1024


class ServiceProcess:
    """A running process. It leads a process group of its own, so that a terminal's Ctrl-C reaches us alone.

    Raises:
        ServiceUnavailableError: the process cannot be started.
    """

    def __init__(self, command: ServiceCommand, log: Path) -> None:
        self.name = command.name
        self.command = command
        self._log = log
        if log.exists() and log.stat().st_size > LOG_BOUND:
            log.replace(log.with_suffix(".log.1"))
        try:
            with log.open("ab") as lines:
                self._log_start = lines.tell()
                self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and modules
                    command.argv,
                    env=dict(command.environment),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=lines,
                    process_group=0,
                )
        except OSError as error:
            raise ServiceUnavailableError(f"the {command.name} cannot be started: {error.strerror}") from error

    def __repr__(self) -> str:
        return f"ServiceProcess({self.name}, pid {self.pid}, on {self.command.address})"

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise if the process has ended.

        Raises:
            InvalidRequestError: it refused its settings.
            TechnicError: the error that it logged last; else ServiceUnavailableError.
        """
        code = self._process.poll()
        if code is None:
            return
        reason, words = _meaning(self._last_line())
        if code == exits.USAGE:
            raise InvalidRequestError(f"the {self.name} refuses its settings: {words}")
        ended = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        kind = next((kind for kind in TechnicError.__subclasses__() if kind.reason == reason), ServiceUnavailableError)
        # Wrong files are the user's matter, and the words name them: no need to tell which process read them.
        raise kind(words if kind is LocalDataError else f"the {self.name} ended ({ended}): {words}")

    def last_words(self) -> str:
        """Return what the process logged last, as one line."""
        return _meaning(self._last_line())[1]

    def _last_line(self) -> str:
        with self._log.open("rb") as lines:
            end = lines.seek(0, os.SEEK_END)
            lines.seek(max(self._log_start, end - _TAIL))
            tail = lines.read().decode(errors="replace").strip().splitlines()
        return tail[-1].strip() if tail else "it logged nothing"

    def leave(self) -> None:
        """Ask the process to end: its pipe closes, and it gets a SIGTERM."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()
        self._process.terminate()

    def kill(self) -> None:
        """End the process and what it started, at once."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def _meaning(line: str) -> tuple[str, str]:
    """Reduce a line of a log to its reason, or "", and to what it tells a person: the error, else the event."""
    try:
        entry = json.loads(line)
    except ValueError:
        return "", line
    if not isinstance(entry, dict):
        return "", line
    return str(entry.get("reason", "")), str(entry.get("error") or entry.get("event") or line)
