"""`python -m services.simulator` as a process."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "services.simulator")
SMALL = ("--symbols", "100", "--clock", "2025-09-30T20:00", "--latency-ms", "0")


@contextmanager
def simulator(cache: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [*COMMAND, *SMALL, "--cache", str(cache), *arguments]
    pipe, environment = subprocess.PIPE, os.environ | environment
    with subprocess.Popen(command, text=True, env=environment, stdin=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with simulator(tmp_path, "--port", "0") as process:
        assert line(process).startswith("simulated market on http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(10) == 0
        assert line(process) == ""


def test_it_ends_with_its_stdin_where_that_is_asked_for(tmp_path: Path) -> None:
    with simulator(tmp_path, "--port", "0", TECHNIC_EXIT_WITH_STDIN="1") as process:
        line(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def test_a_taken_port_is_one_line_and_status_69(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with simulator(tmp_path, "--port", port) as process:
            assert line(process) == f"cannot listen on 127.0.0.1:{port}: it is in use\n"
            assert line(process) == ""
            assert process.wait(10) == 69


def test_it_listens_on_a_unix_socket_and_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "simulator.sock"
    with simulator(tmp_path, "--unix-socket", str(path)) as process:
        assert str(path) in line(process)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /v1/marketstatus/now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 401")
        process.terminate()
        assert process.wait(10) == 0
    assert not path.exists()


@pytest.mark.parametrize("wrong", [("--symbols", "5"), ("--clock", "1990-01-01"), ("--plan", "gold"), ("--port", "-1")])
def test_a_wrong_argument_is_status_2(wrong: tuple[str, str]) -> None:
    done = subprocess.run([*COMMAND, *wrong], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert wrong[0] in done.stderr
