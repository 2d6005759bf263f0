"""`python -m tests.cli.driver ARGUMENTS`: the technic command, with stand-ins for the services of its own stacks."""

import sys

from services.cli.__main__ import main


def program(name: str) -> tuple[str, ...]:
    """Return the command line of a stand-in."""
    return (sys.executable, "-m", "tests.cli.fake_service", name)


if __name__ == "__main__":
    sys.exit(main(program))
