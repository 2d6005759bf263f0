"""Starting, watching and ending the processes of a stack."""

import os
import socket
from functools import partial

import pytest

from services.cli.launch import Addresses, ServiceCommand, private_addresses
from services.cli.readiness import wait_until_ready
from services.cli.stack import open_stack, refuse_taken_ports
from services.market.errors import InvalidRequestError, ServiceUnavailableError
from tests.cli.conftest import REPOSITORY, Technic
from tests.cli.driver import program


def plain(technic: Technic, mode: str, names: tuple[str, ...] = ("fetcher",)) -> partial[tuple[ServiceCommand, ...]]:
    """Plan stand-ins that speak no gRPC, so that they start in no time."""

    def commands(addresses: Addresses) -> tuple[ServiceCommand, ...]:
        variables = {"FAKE_PIDS": str(technic.pids), "PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]}
        return tuple(
            ServiceCommand(
                name,
                program(name),
                {**variables, f"FAKE_{name.upper()}": mode, f"{name.upper()}_ADDRESS": getattr(addresses, name)},
                getattr(addresses, name),
                health=False,
            )
            for name in names
        )

    return partial(commands)


def nobody(name: str, ready_count: int, total_count: int) -> None:
    """Listen to nothing."""


async def test_a_stack_is_ready_when_all_listen_and_leaves_nothing(technic: Technic) -> None:
    told: list[tuple[int, int]] = []
    names = ("fetcher", "scorer")
    with open_stack(private_addresses, plain(technic, "listen", names), None) as stack:
        folder = stack.logs.parent
        await wait_until_ready(stack, lambda _, ready, total: told.append((ready, total)))
        assert sorted(technic.survivors()) == ["fetcher", "scorer"]
    assert told == [(1, 2), (2, 2)]
    assert technic.survivors() == []
    assert not folder.exists()


async def test_a_process_that_refuses_its_settings_is_a_usage_error(technic: Technic) -> None:
    with open_stack(private_addresses, plain(technic, "refuse"), None) as stack:
        with pytest.raises(InvalidRequestError, match="fetcher refuses its settings: FETCHER_PLAN: not a plan"):
            await wait_until_ready(stack, nobody)


async def test_a_process_that_cannot_start_is_quoted(technic: Technic) -> None:
    with open_stack(private_addresses, plain(technic, "fail"), None) as stack:
        with pytest.raises(ServiceUnavailableError, match=r"fetcher ended \(exit code 69\): the disk is full"):
            await wait_until_ready(stack, nobody)


async def test_a_process_that_is_never_ready_is_named_after_the_deadline(technic: Technic) -> None:
    with open_stack(private_addresses, plain(technic, "never"), None) as stack:
        with pytest.raises(ServiceUnavailableError, match=r"not ready after 0.3 s: fetcher"):
            await wait_until_ready(stack, nobody, deadline_s=0.3)
    assert technic.survivors() == []


async def test_a_process_that_will_not_leave_is_killed(technic: Technic) -> None:
    with open_stack(private_addresses, plain(technic, "stubborn"), None, leave_s=0.2) as stack:
        await wait_until_ready(stack, nobody)
        assert technic.survivors() == ["fetcher"]
    assert technic.survivors() == []


async def test_logs_stay_in_the_home_that_was_given(technic: Technic) -> None:
    with open_stack(private_addresses, plain(technic, "fail"), technic.home) as stack:
        with pytest.raises(ServiceUnavailableError):
            await wait_until_ready(stack, nobody)
    assert "the disk is full" in (technic.home / "logs" / "fetcher.log").read_text()


def test_a_home_that_cannot_be_is_a_usage_error(technic: Technic) -> None:
    file = technic.home / "file"
    file.touch()
    with pytest.raises(InvalidRequestError, match="cannot be made"), open_stack(private_addresses, lambda _: (), file):
        pass


def test_a_program_that_is_not_there_is_unavailable(technic: Technic) -> None:
    command = ServiceCommand("fetcher", (f"{technic.home}/nothing",), {}, "unix:/nowhere")
    with pytest.raises(ServiceUnavailableError, match="fetcher cannot be started"):
        with open_stack(private_addresses, lambda _: (command,), None):
            pass


def test_a_port_in_use_is_named_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = ServiceCommand("scorer", (), {}, f"127.0.0.1:{port}")
        with pytest.raises(ServiceUnavailableError, match=f"port {port}, where the scorer"):
            refuse_taken_ports((command,))
