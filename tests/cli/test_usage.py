"""What the command says before it does anything: help, and wrong flags. Run in this process, as nothing is started."""

import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from services.cli.__main__ import main
from tests.cli.conftest import Outcome

Command = Callable[..., Outcome]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run the command with arguments."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["technic", *arguments])
        code = main()
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    "arguments",
    [
        ("scan", "--budget", "soon"),
        ("scan", "--types", "STOCK"),
        ("scan", "--as-of", "yesterday"),
        ("scan", "--plan", "gold"),
        ("scan", "--gateway", "here"),
        ("scan", "--gateway", "127.0.0.1:1", "--provider", "massive"),
        ("scan", "--bars", "/no/such/file"),
        ("scan", "--top", "-1"),
        ("scan", "--filter", "rsi_14=30"),
        ("scan", "--sort", "rsi_14:up"),
        ("scan", "--risk", "much"),
        ("scan", "--account", "x"),
        ("scan", "--style", "scalp"),
        ("scan", "--max-per-sector", "-1"),
        ("scan", "--format", "xml"),
        ("scan", "--format", "parquet"),
        ("scan", "--unheard-of"),
        ("sing",),
    ],
)
def test_wrong_values_exit_2_with_one_line(command: Command, arguments: tuple[str, ...]) -> None:
    outcome = command(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith("technic: ")


@pytest.mark.parametrize("arguments", [("--timeout", "soon"), ("--address", "here"), ("--unheard-of",)])
def test_wrong_flags_of_health_exit_1_with_one_line(command: Command, arguments: tuple[str, ...]) -> None:
    outcome = command("health", *arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert len(outcome.err.splitlines()) == 1


def test_massive_without_a_key_exits_5_and_names_the_variable(command: Command) -> None:
    outcome = command("scan", "--provider", "massive")
    assert outcome.code == 5
    assert "MASSIVE_API_KEY" in outcome.err


@pytest.mark.parametrize("arguments", [("--help",), ("scan", "--help"), ("up", "--help"), ("health", "--help")])
def test_help_goes_to_stdout(command: Command, arguments: tuple[str, ...]) -> None:
    outcome = command(*arguments)
    assert outcome.code == 0
    assert "Usage: technic" in outcome.out


def test_no_command_prints_the_help_and_exits_2(command: Command) -> None:
    outcome = command()
    assert outcome.code == 2
    assert "Usage: technic" in outcome.out + outcome.err
    assert "technic: " not in outcome.err
