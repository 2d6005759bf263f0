"""The generated market as files: raw bars, splits and what is known of the symbols, in Parquet and CSV."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from services.files.attributes import FILE_TYPES
from services.market.panel import FIELDS
from services.market.universe import type_of
from services.simulator.bars import SCALE, raw_bars
from services.simulator.listings import KINDS
from services.simulator.market import HISTORY, Market


@dataclass(frozen=True)
class MarketFiles:
    """Where the files lie."""

    bars: Path
    splits: Path
    universe: Path


def write_market(market: Market, folder: Path, suffix: str, session_count: int) -> MarketFiles:
    """Write the last sessions of a market as its provider shows them on its date.

    Args:
        market: the market.
        folder: where to; must be there.
        suffix: parquet or csv.
        session_count: sessions of bars, ending with the market's date.
    """
    write = parquet.write_table if suffix == "parquet" else csv.write_csv
    files = MarketFiles(*(folder / f"{name}.{suffix}" for name in ("bars", "splits", "universe")))
    symbols = np.array(market.listings.symbols)
    positions = np.arange(HISTORY - session_count, HISTORY)
    bars = raw_bars(market, positions, np.arange(len(symbols)))
    rows, columns = np.nonzero(bars.traded)
    days = np.array(market.sessions, "datetime64[D]")[positions]
    fields = {name: getattr(bars, name)[rows, columns] / SCALE for name in FIELDS}
    write(pa.table({"symbol": symbols[columns], "date": pa.array(days[rows]), **fields}), files.bars)
    splits = market.splits.rows
    ratios = {
        "symbol": [str(symbols[row.column]) for row in splits],
        "date": pa.array([market.sessions[row.session] for row in splits]),
        "ratio": [row.ratio_to / row.ratio_from for row in splits],
    }
    write(pa.table(ratios), files.splits)
    # What is not in the provider's reference list is not listed here either.
    listed = market.listed(market.spec.end)
    listed[market.listings.unreferenced] = False
    words = {kind: word for word, kind in FILE_TYPES.items()}
    known = {
        "symbol": symbols.tolist(),
        "name": [f"{symbol} of the files" for symbol in symbols],
        "type": [words.get(type_of(KINDS[kind].code, ""), "unclassified") for kind in market.listings.kind.tolist()],
        "exchange": ["XNYS"] * len(symbols),
        "sector": ["Finance"] * len(symbols),
        "market_cap": (1e8 * (1.0 + np.arange(len(symbols)))).tolist(),
        "test_issue": ["N" if there else "Y" for there in listed],
    }
    write(pa.table(known), files.universe)
    return files
