"""`python -m tests.cli.up_driver`: what `technic up` does, with stand-ins and on addresses of its own."""

import os
import sys
from functools import partial

from services.cli import up
from services.cli.launch import plan_stack, private_addresses
from services.cli.source import Source
from services.cli.stack import open_stack
from tests.cli.driver import program

if __name__ == "__main__":
    source = Source("simulated", "advanced", key="k")
    plan = partial(plan_stack, source, environment=os.environ, program=program, lasting=True)
    with open_stack(private_addresses, plan, None) as stack:
        sys.exit(up.run(stack))
