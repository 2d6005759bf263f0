"""Cash dividends from a file."""

from collections.abc import Container
from pathlib import Path
from typing import Final

from services.files.table import Column, open_table
from services.market.dividends import Dividend
from services.market.errors import LocalDataError
from services.market.sessions import to_day_number
from services.market.universe import find_symbol

DIVIDENDS: Final = "dividends.parquet"
"""Name of the file that is taken where it lies beside the bars and none was named."""
_COLUMNS: Final = (
    Column("symbol", "text", aliases=("ticker",)),
    Column("date", "date", aliases=("ex_date", "ex_dividend_date")),
    Column("amount", "number", aliases=("cash_amount",)),
)


def find_dividends(bars: Path, named: Path | None) -> Path | None:
    """Return the file of dividends: the one that was named, else the one beside the bars, or in their folder."""
    beside = (bars if bars.is_dir() else bars.parent) / DIVIDENDS
    return named or (beside if beside.is_file() else None)


def read_dividends(path: Path, symbols: Container[str]) -> tuple[Dividend, ...]:
    """Read the dividends of some symbols: symbol, ex-date, and USD a share on the bars' basis of splits.

    Args:
        path: of the file.
        symbols: those of the bars; a dividend of one of them is found in any spelling, all others are left out.

    Raises:
        LocalDataError: the file is absent, cannot be read, lacks a column, a value or has one of another kind; an
            amount is not above 0.
    """
    with open_table(path, _COLUMNS) as table:
        import pyarrow as pa  # noqa: PLC0415 - see open_table

        named = table.filled("symbol").to_pylist()
        days = table.filled("date").cast(pa.date32()).to_pylist()
        amounts = table.filled("amount").cast(pa.float64()).to_pylist()
    found = {symbol: find_symbol(symbol, symbols) for symbol in set(named)}
    try:
        return tuple(
            Dividend(symbol, to_day_number(day), amount)
            for name, day, amount in zip(named, days, amounts, strict=True)
            if (symbol := found[name]) is not None
        )
    except ValueError as error:
        raise LocalDataError(f"{path}: {error}") from None
