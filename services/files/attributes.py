"""What a file knows of symbols beside their bars: names, types, sectors, industries, market caps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from services.files.table import Column, open_table
from services.market.universe import find_symbol, type_by_suffix
from services.market.vocabulary import SymbolType

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

UNIVERSE: Final = "universe.parquet"
"""Name of the file that is taken where it lies beside the bars and none was named."""

FILE_TYPES: Final = MappingProxyType(
    {
        "common": SymbolType.COMMON,
        "adr": SymbolType.ADR,
        "etf": SymbolType.ETF,
        "fund": SymbolType.FUND,
        "preferred": SymbolType.PREFERRED,
        "warrant": SymbolType.WARRANT,
        "unit": SymbolType.UNIT,
        "right": SymbolType.RIGHT,
        "note": SymbolType.NOTE,
    }
)
"""Values of `type`, in any case; "unclassified" and others are told by the symbol's suffix."""

_SYMBOL: Final = Column("bars_symbol", "text", aliases=("symbol", "ticker"))
_TEXT_NAMES: Final = ("type", "name", "exchange", "sector", "industry")
_TEXTS: Final = tuple(Column(name, "text", required=name == "type") for name in _TEXT_NAMES)
_TEST_ISSUE: Final = Column("test_issue", "text", required=False)
_MARKET_CAP: Final = Column("market_cap", "number", required=False)
_COLUMNS: Final = (_SYMBOL, *_TEXTS, _TEST_ISSUE, _MARKET_CAP)


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of a symbol; empty text and NaN are unknown.

    Args:
        name: of the company or fund.
        type: by the file, else by the symbol's suffix.
        exchange: as the file names it.
        sector: a NASDAQ name.
        market_cap: in USD.
        test_issue: whether it only tests the exchange, and is no security.
        industry: as the file names it.
    """

    name: str
    type: SymbolType
    exchange: str
    sector: str
    market_cap: float
    test_issue: bool = False
    industry: str = ""


class AttributeBook:
    """The attributes of symbols in any spelling.

    Args:
        known: by symbol.
    """

    def __init__(self, known: Mapping[str, Attributes]) -> None:
        self._known = known

    def __repr__(self) -> str:
        return f"AttributeBook({len(self._known)} symbols)"

    def __len__(self) -> int:
        return len(self._known)

    def get(self, symbol: str) -> Attributes | None:
        """Return what is known of a symbol, or None."""
        found = find_symbol(symbol, self._known)
        return None if found is None else self._known[found]

    def describe(self, symbol: str) -> Attributes:
        """Return what is known of a symbol; of an unknown one its suffix tells the type."""
        return self.get(symbol) or Attributes("", type_by_suffix(symbol), "", "", math.nan)


def find_universe(bars: Path, named: Path | None) -> Path | None:
    """Return the file of attributes: the one that was named, else the one beside the bars, or in their folder."""
    beside = (bars if bars.is_dir() else bars.parent) / UNIVERSE
    return named or (beside if beside.is_file() else None)


def read_attributes(path: Path | None) -> AttributeBook:
    """Read a file of attributes by `bars_symbol` (else `symbol`), the first row of each; None is an empty book.

    Raises:
        LocalDataError: the file is absent, cannot be read, lacks a column or has one of another kind.
    """
    if path is None:
        return AttributeBook({})
    with open_table(path, _COLUMNS) as table:
        rows = {column.name: _values(table.column(column.name)) for column in _COLUMNS if column.name in table}
    symbols = rows.pop(_SYMBOL.name)
    known: dict[str, Attributes] = {}
    for place, symbol in enumerate(symbols):
        if symbol and symbol not in known:
            known[symbol] = _attributes(symbol, {name: values[place] for name, values in rows.items()})
    return AttributeBook(known)


def _values(column: "ChunkedArray") -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _attributes(symbol: str, row: dict[str, Any]) -> Attributes:
    cap = row.get("market_cap")
    return Attributes(
        name=row.get("name") or "",
        type=FILE_TYPES.get((row["type"] or "").lower()) or type_by_suffix(symbol),
        exchange=row.get("exchange") or "",
        sector=row.get("sector") or "",
        # The lists say 0 where they do not know.
        market_cap=float(cap) if cap and 0 < cap < math.inf else math.nan,
        test_issue=row.get("test_issue") == "Y",
        industry=row.get("industry") or "",
    )
