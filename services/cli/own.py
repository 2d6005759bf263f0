"""Stacks of the command's own, from its flags."""

import os
import secrets
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from services.cli.launch import SERVICES, Program, plan_stack, private_addresses
from services.cli.source import Source, SourceFlags, choose_source, find_key
from services.cli.stack import Stack, open_stack


def choose(flags: SourceFlags) -> Source:
    """Decide on the source of bars, and say so where that may surprise; see `choose_source`."""
    source = choose_source(flags, os.environ, secrets.token_hex(16))
    if source.provider == "simulated" and flags.provider is None and find_key(os.environ):
        print("the market is simulated; a key is set: use --provider massive for the real one", file=sys.stderr)
    return source


@contextmanager
def own_stack(
    flags: SourceFlags, program: Program, home: Path | None, names: Collection[str] = SERVICES
) -> Iterator[Stack]:
    """Start processes for one command, where nobody else finds them; they end with the block.

    Args:
        flags: where the bars come from.
        program: command line of a service by its name.
        home: folder for what is worth keeping.
        names: the services that are wanted.
    """
    folder = absolute(home)
    listing = partial(plan_stack, choose(flags), environment=os.environ, program=program, home=folder, names=names)
    with open_stack(private_addresses, listing, folder) as stack:
        yield stack


def absolute(home: Path | None) -> Path | None:
    """Return the folder that the user means, wherever the services run."""
    return home.expanduser().absolute() if home else None
