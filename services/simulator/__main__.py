"""`python -m services.simulator`: a local Massive REST API over a generated market, or over real bars from files."""

import sys

from services.simulator.settings import read_settings

_USAGE = 2
_UNAVAILABLE = 69  # sysexits.h: EX_UNAVAILABLE


def main() -> int:
    """Serve until stopped; returns the exit status."""
    settings = read_settings()

    import asyncio

    from services.market.errors import LocalDataError
    from services.simulator.serve import AddressInUseError, bind, event_loop, run

    try:
        listener = bind(settings)
    except AddressInUseError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the one line that the caller reads
        return _UNAVAILABLE
    try:
        with listener, asyncio.Runner(loop_factory=event_loop) as runner:
            runner.run(run(settings, listener))
    except LocalDataError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as above
        return _USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
