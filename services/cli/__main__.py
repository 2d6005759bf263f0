"""The `technic` command: runs it, and turns every ending into an exit code and at most one line on stderr."""

import io
import os
import signal
import sys

from services.cli import exits
from services.cli.launch import Program, service_program
from services.market.errors import TechnicError


def main(program: Program = service_program) -> int:
    """Run the command that the arguments name, and return the exit code.

    Args:
        program: command line of a service by its name, for stacks of our own.
    """
    if sys.argv[1:] == ["--version"]:
        # Answered before anything that takes time to load.
        from services.cli.version import technic_version

        print(f"technic {technic_version()}")
        return exits.OK
    # The core of gRPC would write lines of its own where a connection fails. It looks here when it loads.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    _take_signals()
    _take_any_letter()
    try:
        return _run(program)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return _complain("cancelled", exits.CANCELLED)
    except TechnicError as error:
        again = "" if error.retry_after_s is None else f" (try again in {error.retry_after_s:.0f} s)"
        return _complain(f"{error.message}{again}", exits.exit_code(error))
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        text = f"internal error, {type(error).__name__}: {error} (run with PYTHONDEVMODE=1 to see where)"
        return _complain(text, exits.INTERNAL)


def _run(program: Program) -> int:
    import typer

    from services.cli.commands import app

    try:
        code: int | None = app(standalone_mode=False, prog_name="technic", obj=program)
    except typer.TyperException as error:
        text = error.format_message().replace("Value error, ", "")
        if not text:
            # No command: the help was printed.
            return exits.USAGE
        command = getattr(getattr(error, "ctx", None), "command_path", "technic")
        return _complain(f"{text} (see `{command} --help`)", exits.USAGE)
    if code == exits.CANCELLED:
        # Typer makes this of a KeyboardInterrupt.
        raise KeyboardInterrupt
    return code or exits.OK


def _complain(text: str, code: int) -> int:
    """Print one line; health checks keep to the exit codes of grpc_health_probe, where 2 means something else."""
    print(f"technic: {' '.join(text.split())}", file=sys.stderr, flush=True)
    return exits.HEALTH_USAGE if code == exits.USAGE and sys.argv[1:2] == ["health"] else code


def _take_signals() -> None:
    """Make SIGTERM and a closed terminal end the command like Ctrl-C does: tidily."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))


def _take_any_letter() -> None:
    """Make output replace letters that its encoding lacks: a name must not end a scan."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
