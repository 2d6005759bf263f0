"""The flags of `scan` that say which rows are wanted, in which order and form, with the words that `--help` has."""

from pathlib import Path
from typing import Annotated, Final

import typer

from services.cli.options import Form, Style

_ROWS: Final = "Which rows"
_PLANS: Final = "Trade plans"
_OUTPUT: Final = "What is shown"

FilterFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="BOUND",
        help='Bound of a number, such as "rsi_14<30", "market_cap>=1B" or "atr_pct_14<5%"; again for more. '
        "A symbol without that number stays.",
        rich_help_panel=_ROWS,
    ),
]
ExchangeFlag = Annotated[
    str, typer.Option("--exchange", metavar="A,B", help="Exchanges that stay. Default: all.", rich_help_panel=_ROWS)
]
SectorFlag = Annotated[
    str, typer.Option("--sector", metavar="A,B", help="Sectors that stay. Default: all.", rich_help_panel=_ROWS)
]
IndustryFlag = Annotated[
    str,
    typer.Option(
        "--industry",
        metavar="A,B",
        help="Industries that stay, where a file names them. Default: all.",
        rich_help_panel=_ROWS,
    ),
]
MostPerSectorFlag = Annotated[
    int,
    typer.Option(
        "--max-per-sector", min=0, metavar="N", help="Rows of one sector; 0 for no bound.", rich_help_panel=_ROWS
    ),
]
SortFlag = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="NAME[:asc]",
        help="Number to order by, highest first, or symbol, exchange, sector, industry; :asc for the lowest first. "
        "Default: the score.",
        rich_help_panel=_ROWS,
    ),
]
StyleFlag = Annotated[
    Style,
    typer.Option(
        metavar="NAME",
        help="Trade style, which weighs the score: short_term_swing, swing or position.",
        rich_help_panel=_ROWS,
    ),
]
ShortsFlag = Annotated[
    bool,
    typer.Option(
        "--shorts", help="Short candidates are a list of their own, lowest score first.", rich_help_panel=_ROWS
    ),
]
PlansFlag = Annotated[
    bool,
    typer.Option("--plans", help="Entry, stop, target and shares of each row with a signal.", rich_help_panel=_PLANS),
]
AccountFlag = Annotated[
    str,
    typer.Option(
        "--account", metavar="USD", help="Size of the account, like 25K. Default: 10K.", rich_help_panel=_PLANS
    ),
]
RiskFlag = Annotated[
    str,
    typer.Option(
        "--risk",
        metavar="PART",
        help="Part of the account that one trade may lose, like 1%. Default: the profile's.",
        rich_help_panel=_PLANS,
    ),
]
ScanFactorsFlag = Annotated[
    str,
    typer.Option("--factors", metavar="A,B", help="Factors to show with each row, by name.", rich_help_panel=_OUTPUT),
]
FormFlag = Annotated[
    Form | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="table, json (all there is), jsonl, csv or parquet (the rows). Default: as --out ends, else table.",
        rich_help_panel=_OUTPUT,
    ),
]
OutFlag = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write there instead of to stdout.", rich_help_panel=_OUTPUT),
]
