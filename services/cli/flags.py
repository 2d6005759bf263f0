"""The flags of the commands, with the words that `--help` has for them."""

from pathlib import Path
from typing import Annotated, Final

import typer

from services.cli.options import Format, Profile
from services.cli.source import Plan, Provider

_BARS: Final = "Where the bars come from"
_WHAT: Final = "What is scanned"
_OUTPUT: Final = "What is shown"

ProviderFlag = Annotated[
    Provider | None,
    typer.Option(
        metavar="NAME",
        help="simulated: a generated market, the default. massive: the real one, with a key. files: see --bars. "
        "replay: real bars of --bars through the simulated REST API.",
        rich_help_panel=_BARS,
    ),
]
PlanFlag = Annotated[
    Plan | None,
    typer.Option(
        metavar="NAME",
        help="basic, starter, developer or advanced: the provider's rates and limits. "
        "Default: MASSIVE_PLAN, else basic; no limits if simulated.",
        rich_help_panel=_BARS,
    ),
]
BarsFlag = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Parquet or CSV file of daily bars, or a folder of such files; means --provider files.",
        rich_help_panel=_BARS,
    ),
]
UniverseFlag = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Parquet or CSV file of names, types, sectors and market caps. Default: universe.parquet beside the bars.",
        rich_help_panel=_BARS,
    ),
]
RawFlag = Annotated[
    bool, typer.Option("--raw", help="The bars are not adjusted for splits; needs --splits.", rich_help_panel=_BARS)
]
SplitsFlag = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Parquet or CSV file of splits for --raw: symbol, date, ratio (new shares per old one).",
        rich_help_panel=_BARS,
    ),
]
LatencyFlag = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Milliseconds by which the simulator answers late.", rich_help_panel=_BARS),
]
HomeFlag = Annotated[
    Path | None,
    typer.Option(envvar="TECHNIC_HOME", metavar="DIR", help="Folder that keeps bars, logs and the simulated market."),
]
GatewayFlag = Annotated[
    str, typer.Option(metavar="ADDR", help="Use the gateway there. Default: start services for this scan alone.")
]
FetcherFlag = Annotated[
    str, typer.Option(metavar="ADDR", help="Use the fetcher there. Default: start one for this command alone.")
]
SessionsFlag = Annotated[
    int, typer.Option(min=1, max=2000, metavar="N", help="Number of sessions, the newest ones.", rich_help_panel=_BARS)
]
ExportFlag = Annotated[
    Path,
    typer.Option(
        "--out", metavar="PATH", help="File, by its suffix .parquet, .csv or .csv.gz; or folder, a file a session."
    ),
]
ExportSessionsFlag = Annotated[
    int | None,
    typer.Option("--sessions", min=1, metavar="N", help="Number of sessions, the newest ones. Default: all."),
]
ImportPath = Annotated[Path, typer.Argument(metavar="PATH", help="Parquet or CSV file of raw bars, or folder of such.")]
ImportSplitsFlag = Annotated[
    Path | None,
    typer.Option("--splits", metavar="FILE", help="All splits from the first session on. Default: the file beside."),
]
ReplaceFlag = Annotated[
    bool,
    typer.Option("--replace", help="Put the files' sessions in place of those stored; those are kept as revisions."),
]
PartialFlag = Annotated[bool, typer.Option("--partial", help="Take sessions with suspiciously few symbols, too.")]
SymbolsFlag = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Symbols, separated by commas, or @FILE to read them from. Default: all.",
        rich_help_panel=_WHAT,
    ),
]
TypesFlag = Annotated[
    str,
    typer.Option(
        metavar="T,U", help="Default: COMMON,ADR,UNKNOWN; every type for given symbols.", rich_help_panel=_WHAT
    ),
]
AsOfFlag = Annotated[
    str,
    typer.Option(metavar="DATE", help="Session, like 2025-09-30. Default: the newest one.", rich_help_panel=_WHAT),
]
RunningFlag = Annotated[
    bool,
    typer.Option(
        "--running",
        help="Scan today's session while it is running; its bars are provisional and not kept.",
        rich_help_panel=_WHAT,
    ),
]
BudgetFlag = Annotated[
    str, typer.Option(metavar="TIME", help="Time for the whole scan: 90s, 2m, 500ms.", rich_help_panel=_WHAT)
]
ProfileFlag = Annotated[
    Profile,
    typer.Option(
        metavar="NAME",
        help="Risk profile, which filters rows: none, conservative, balanced or aggressive.",
        rich_help_panel=_WHAT,
    ),
]
TopFlag = Annotated[int, typer.Option(min=0, metavar="N", help="Rows, best first; 0 for all.", rich_help_panel=_OUTPUT)]
FormatFlag = Annotated[Format, typer.Option("--format", metavar="NAME", help="table or json.")]
LedgerFlag = Annotated[bool, typer.Option("--ledger", help="List every omitted symbol, too.", rich_help_panel=_OUTPUT)]
AddressesFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--address",
        metavar="ADDR",
        help="host:port or unix:/path. With --all: NAME=ADDR for a service that is not on its standard port; again for "
        "each.",
    ),
]
AllFlag = Annotated[bool, typer.Option("--all", help="Ask gateway, fetcher, scorer and inference, a line each.")]
HealthJsonFlag = Annotated[bool, typer.Option("--json", help="With --all: print JSON.")]
ServiceFlag = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Such as technic.v1.GatewayService. Default: the server as a whole.", show_default=False
    ),
]
TimeoutFlag = Annotated[str, typer.Option(metavar="TIME", help="Time to wait: 1s, 500ms.")]
TrainBarsFlag = Annotated[
    Path, typer.Option("--bars", metavar="PATH", help="Parquet file of adjusted daily bars, two years or more.")
]
TrainUniverseFlag = Annotated[
    Path | None,
    typer.Option(
        "--universe", metavar="FILE", help="Parquet file of names and types. Default: universe.parquet beside the bars."
    ),
]
TrainOutFlag = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder of models; version 1 of a model that is there is replaced.")
]
TrainDividendsFlag = Annotated[
    Path | None,
    typer.Option(
        "--dividends",
        metavar="FILE",
        help="Parquet or CSV file of dividends: symbol, date, amount. Default: dividends.parquet beside the bars.",
    ),
]
TrainJudgeFlag = Annotated[
    list[Path] | None,
    typer.Option("--judge", metavar="PATH", help="Other bars with sessions not learned from, to judge by; repeatable."),
]
HorizonsFlag = Annotated[
    str, typer.Option(metavar="N,M", help="Sessions that the models look ahead, one model each: alpha_N, alpha_M.")
]
EvaluateBarsFlag = Annotated[
    Path,
    typer.Option(
        "--bars", metavar="PATH", help="Parquet or CSV file of adjusted daily bars, a year and a half or more."
    ),
]
FactorsFlag = Annotated[
    str, typer.Option("--factor", metavar="A,B", help="Factors to evaluate beside the rating, by name, such as rsi_14.")
]
EvaluateHorizonsFlag = Annotated[str, typer.Option("--horizons", metavar="N,M", help="Sessions that are held.")]
PageFlag = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write a page with plots, one HTML file, too.")
]
