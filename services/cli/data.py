"""`technic data`: the bars on disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer

from services.cli import options
from services.cli.access_flags import takes_access
from services.cli.flags import (
    AsOfFlag,
    ExportFlag,
    ExportSessionsFlag,
    FetcherFlag,
    HomeFlag,
    ImportPath,
    ImportSplitsFlag,
    LatencyFlag,
    PartialFlag,
    PlanFlag,
    ProviderFlag,
    ReplaceFlag,
    SessionsFlag,
    SymbolsFlag,
)
from services.cli.launch import Program
from services.cli.own import own_stack
from services.cli.source import SourceFlags
from services.cli.target import AccessFlags, Target
from services.market.errors import InvalidRequestError

data: Final = typer.Typer(
    name="data", help="Fill the store of bars, check it, and see what is in it.", no_args_is_help=True
)


@data.command()
@takes_access()
def sync(  # noqa: PLR0913  # a parameter a flag
    *,
    context: typer.Context,
    sessions: SessionsFlag = 300,
    as_of: AsOfFlag = "",
    provider: ProviderFlag = None,
    plan: PlanFlag = None,
    latency_ms: LatencyFlag = None,
    fetcher: FetcherFlag = "",
    home: HomeFlag = None,
    access: AccessFlags,
) -> int:
    """Fetch the newest sessions into the store, so that scans need not.

    What is there already takes no call. Ctrl-C loses nothing: the next sync goes on from there.
    """
    day = options.parse_as_of(as_of)
    flags = SourceFlags(provider, plan, None, None, latency_ms)
    with _fetcher(fetcher, flags, access, context.obj, home) as target:
        from services.cli.store import run_sync  # noqa: PLC0415  # loads while the processes start

        return run_sync(target, day, sessions)


@data.command()
@takes_access()
def status(
    *,
    context: typer.Context,
    sessions: SessionsFlag = 300,
    provider: ProviderFlag = None,
    plan: PlanFlag = None,
    fetcher: FetcherFlag = "",
    home: HomeFlag = None,
    access: AccessFlags,
) -> int:
    """Tell what the store holds, and which of the newest sessions it lacks; without a call to the provider."""
    flags = SourceFlags(provider, plan)
    with _fetcher(fetcher, flags, access, context.obj, home) as target:
        from services.cli.store import run_status  # noqa: PLC0415  # as above

        return run_status(target, sessions)


@data.command()
@takes_access()
def verify(
    *,
    context: typer.Context,
    provider: ProviderFlag = None,
    plan: PlanFlag = None,
    fetcher: FetcherFlag = "",
    home: HomeFlag = None,
    access: AccessFlags,
) -> int:
    """Read everything that is stored and check it; without a call to the provider.

    Damaged rows are put aside, and the next sync fetches them again: exit code 65. 0 if there are none.
    """
    flags = SourceFlags(provider, plan)
    with _fetcher(fetcher, flags, access, context.obj, home) as target:
        from services.cli.store import run_verify  # noqa: PLC0415  # as above

        return run_verify(target)


@data.command()
@takes_access()
def export(  # noqa: PLR0913  # a parameter a flag
    *,
    context: typer.Context,
    out: ExportFlag,
    sessions: ExportSessionsFlag = None,
    symbols: SymbolsFlag = None,
    provider: ProviderFlag = None,
    plan: PlanFlag = None,
    fetcher: FetcherFlag = "",
    home: HomeFlag = None,
    access: AccessFlags,
) -> int:
    """Write raw bars of the store to Parquet or CSV: symbol, date, open, high, low, close, volume.

    The splits go beside them, into NAME.splits.parquet or the like. The store has to lie on this machine.
    """
    wanted = () if symbols is None else options.parse_symbols(symbols)
    flags = SourceFlags(provider, plan)
    with _fetcher(fetcher, flags, access, context.obj, home) as target:
        from services.cli.transfer import ExportRequest, run_export  # noqa: PLC0415  # as above

        return run_export(target, ExportRequest(out.expanduser(), sessions, wanted))


@data.command(name="import")
@takes_access()
def import_files(  # noqa: PLR0913  # a parameter a flag
    *,
    context: typer.Context,
    path: ImportPath,
    splits: ImportSplitsFlag = None,
    replace: ReplaceFlag = False,
    partial: PartialFlag = False,
    provider: ProviderFlag = None,
    plan: PlanFlag = None,
    fetcher: FetcherFlag = "",
    home: HomeFlag = None,
    access: AccessFlags,
) -> int:
    """Take raw bars of files into the store: what export wrote, or the provider's flat files 2025-09-30.csv.gz.

    Whole sessions only: one with suspiciously few symbols ends the command. What is stored already stays as it is.
    A fetcher that runs finds what is new; what it has in memory it keeps until it is restarted.
    """
    flags = SourceFlags(provider, plan)
    with _fetcher(fetcher, flags, access, context.obj, home) as target:
        from services.cli.transfer import ImportRequest, run_import  # noqa: PLC0415  # as above

        request = ImportRequest(path.expanduser(), splits and splits.expanduser(), replace, partial)
        return run_import(target, request)


@contextmanager
def _fetcher(
    address: str, flags: SourceFlags, access: AccessFlags, program: Program, home: Path | None
) -> Iterator[Target]:
    """Use a fetcher that runs already, or start one."""
    spoken = flags.spoken()
    if flags.provider == "files":
        raise InvalidRequestError("--provider files has no store: scans read the files themselves")
    if address and spoken:
        raise InvalidRequestError(f"{spoken[0]} is for a fetcher of the command's own; --fetcher uses one that runs")
    if address:
        yield Target(options.check_address(address, "--fetcher"), access=access)
        return
    with own_stack(flags, program, home, ("simulator", "fetcher")) as stack:
        yield Target(stack.addresses.fetcher, stack)
