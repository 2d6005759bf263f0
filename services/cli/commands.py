"""The commands and their flags.

Libraries load inside the commands, after the processes of a stack were started, which load theirs meanwhile.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from services.cli import options, selection
from services.cli.access_commands import certs, token
from services.cli.access_flags import takes_access
from services.cli.data import data
from services.cli.flags import (
    AddressesFlag,
    AllFlag,
    AsOfFlag,
    BarsFlag,
    BudgetFlag,
    GatewayFlag,
    HealthJsonFlag,
    HomeFlag,
    LatencyFlag,
    LedgerFlag,
    PlanFlag,
    ProfileFlag,
    ProviderFlag,
    RawFlag,
    RunningFlag,
    ServiceFlag,
    SplitsFlag,
    SymbolsFlag,
    TimeoutFlag,
    TopFlag,
    TypesFlag,
    UniverseFlag,
)
from services.cli.launch import STANDARD_ADDRESSES, Program, access_variables, plan_stack
from services.cli.model_commands import evaluate, train_models
from services.cli.options import ScanRequest
from services.cli.own import absolute, choose, own_stack
from services.cli.selection_flags import (
    AccountFlag,
    ExchangeFlag,
    FilterFlag,
    FormFlag,
    IndustryFlag,
    MostPerSectorFlag,
    OutFlag,
    PlansFlag,
    RiskFlag,
    ScanFactorsFlag,
    SectorFlag,
    ShortsFlag,
    SortFlag,
    StyleFlag,
)
from services.cli.source import SourceFlags
from services.cli.stack import open_stack, refuse_taken_ports
from services.cli.target import AccessFlags, Target
from services.cli.version import technic_version
from services.gateway.selection import Selection
from services.market.errors import InvalidRequestError

app: Final = typer.Typer(
    name="technic",
    help="Ranks the whole US stock market on daily bars, within a time budget, and tells exactly what it did.",
    epilog=(
        "Exit codes: 0 ok, 2 usage, 3 partial (budget spent), 4 provider, 5 key refused or missing, "
        "69 a service cannot be reached or started, 77 token refused or missing, 130 cancelled."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(data)


def _print_version(value: bool) -> None:  # noqa: FBT001  # the signature that typer calls
    if value:
        print(f"technic {technic_version()}")
        raise typer.Exit


@app.callback()
def technic(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Ranks the whole US stock market on daily bars, within a time budget, and tells exactly what it did."""


@app.command()
def up(  # noqa: PLR0913  # a parameter a flag
    *,
    context: typer.Context,
    provider: ProviderFlag = None,
    plan: PlanFlag = None,
    latency_ms: LatencyFlag = None,
    bars: BarsFlag = None,
    universe: UniverseFlag = None,
    raw: RawFlag = False,
    splits: SplitsFlag = None,
    home: HomeFlag = None,
) -> int:
    """Start the four services (and the simulator) on their standard ports, and stay until Ctrl-C.

    Gateway 50051, fetcher 50052, scorer 50053, inference 50054, simulator 8100, all on 127.0.0.1.
    """
    demanding = access_variables(os.environ)
    if demanding:
        raise InvalidRequestError(
            f"`technic up` serves this machine, in plaintext and without tokens: unset {', '.join(demanding)}, or "
            "start the services themselves (python -m services.gateway and so on)"
        )
    source = choose(SourceFlags(provider, plan, bars, universe, latency_ms, raw, splits))
    listing = partial(
        plan_stack, source, environment=os.environ, program=context.obj, home=absolute(home), lasting=True
    )
    refuse_taken_ports(listing(STANDARD_ADDRESSES))
    with open_stack(STANDARD_ADDRESSES, listing, absolute(home)) as stack:
        from services.cli.up import run  # noqa: PLC0415  # loads while the processes start

        return run(stack)


@app.command()
@takes_access()
def scan(  # noqa: PLR0913  # a parameter a flag
    *,
    context: typer.Context,
    gateway: GatewayFlag = "",
    provider: ProviderFlag = None,
    plan: PlanFlag = None,
    latency_ms: LatencyFlag = None,
    bars: BarsFlag = None,
    universe: UniverseFlag = None,
    raw: RawFlag = False,
    splits: SplitsFlag = None,
    symbols: SymbolsFlag = None,
    types: TypesFlag = "",
    as_of: AsOfFlag = "",
    running: RunningFlag = False,
    budget: BudgetFlag = "90s",
    profile: ProfileFlag = "none",
    style: StyleFlag = "swing",
    filters: FilterFlag = None,
    exchange: ExchangeFlag = "",
    sector: SectorFlag = "",
    industry: IndustryFlag = "",
    max_per_sector: MostPerSectorFlag = 0,
    sort: SortFlag = "",
    shorts: ShortsFlag = False,
    plans: PlansFlag = False,
    account: AccountFlag = "",
    risk: RiskFlag = "",
    factors: ScanFactorsFlag = "",
    top: TopFlag = 20,
    form: FormFlag = None,
    out: OutFlag = None,
    ledger: LedgerFlag = False,
    home: HomeFlag = None,
    access: AccessFlags,
) -> int:
    """Rank the universe, and print the best rows and what was left out.

    The report goes to stdout, progress to stderr.
    """
    request = ScanRequest(
        symbols=() if symbols is None else options.parse_symbols(symbols),
        types=options.parse_types(types),
        as_of=options.parse_as_of(as_of),
        budget_s=options.parse_time(budget, "--budget"),
        top_count=top,
        profile=profile,
        include_ledger=ledger,
        include_running=running,
        style=style,
        selection=Selection(
            filters=selection.parse_filters(filters or ()),
            exchanges=options.parse_names(exchange),
            sectors=options.parse_names(sector),
            industries=options.parse_names(industry),
            sort=selection.parse_sort(sort),
            max_per_sector=max_per_sector,
            include_shorts=shorts,
        ),
        plans=selection.parse_plans(asked=plans, account=account, risk=risk),
        factors=options.parse_names(factors),
    )
    written = options.choose_form(form, out)
    flags = SourceFlags(provider, plan, bars, universe, latency_ms, raw, splits)
    with _running(gateway, flags, access) if gateway else _own(flags, context.obj, home) as target:
        from services.cli.scan import ScanCommand, run  # noqa: PLC0415  # loads while the processes start

        return run(ScanCommand(request, written, out.expanduser() if out else None, target))


@app.command()
@takes_access(token=False)
def health(
    *,
    address: AddressesFlag = None,
    service: ServiceFlag = "",
    timeout: TimeoutFlag = "1s",
    everything: AllFlag = False,
    as_json: HealthJsonFlag = False,
    access: AccessFlags,
) -> int:
    """Ask a service, the gateway unless told otherwise, or with --all all four of a stack, whether it is ready.

    Exit codes are grpc_health_probe's: 0 serving, 1 wrong flags, 2 not reached, 3 the call failed, 4 not serving. With
    --all it is 0 only if all serve, else the highest.
    """
    timeout_s = options.parse_time(timeout, "--timeout")
    if everything:
        addresses = options.parse_addresses(address or (), _service_addresses())
        from services.cli.health_all import run_all  # noqa: PLC0415  # slow to load

        targets = {name: Target(place, access=access) for name, place in addresses.items()}
        return run_all(targets, timeout_s, as_json=as_json)
    place = options.one_address(address or (), STANDARD_ADDRESSES.gateway)
    if as_json:
        raise InvalidRequestError("--json is for --all")
    import asyncio  # noqa: PLC0415  # slow to load, like the next one

    from services.cli.health import SERVING, probe  # noqa: PLC0415  # as above

    code, text = asyncio.run(probe(Target(place, access=access), service, timeout_s))
    print(text if code == SERVING else f"technic: {text}", file=sys.stdout if code == SERVING else sys.stderr)
    return code


app.command()(token)
app.command()(certs)
app.command(name="train")(train_models)
app.command()(evaluate)


def _service_addresses() -> dict[str, str]:
    return {name: getattr(STANDARD_ADDRESSES, name) for name in ("gateway", "fetcher", "scorer", "inference")}


@contextmanager
def _running(gateway: str, flags: SourceFlags, access: AccessFlags) -> Iterator[Target]:
    """Use a gateway that runs already."""
    spoken = flags.spoken()
    if spoken:
        raise InvalidRequestError(f"{spoken[0]} is for services of the scan's own; --gateway uses those that run")
    yield Target(options.check_address(gateway, "--gateway"), access=access)


@contextmanager
def _own(flags: SourceFlags, program: Program, home: Path | None) -> Iterator[Target]:
    """Start a stack for one scan."""
    with own_stack(flags, program, home) as stack:
        yield Target(stack.addresses.gateway, stack)
