"""The digest of everything that a generated market answers; as a program, of the market that its arguments name."""

import sys
from dataclasses import astuple, fields
from datetime import date
from hashlib import sha256

import numpy as np

from services.simulator.bars import adjusted_bars, raw_bars
from services.simulator.market import HISTORY, HORIZON, Market, MarketSpec, generate

_STEP = 16
"""Sessions read at a time, which bounds the memory."""


def digest(market: Market) -> str:
    """Return the SHA-256 of all raw and adjusted bars, splits, and reference fields."""
    found = sha256()
    columns = np.arange(len(market.listings.symbols))
    for begin in range(0, HISTORY + HORIZON, _STEP):
        sessions = np.arange(begin, min(begin + _STEP, HISTORY + HORIZON))
        for bars in (
            raw_bars(market, sessions, columns),
            adjusted_bars(market, HISTORY + HORIZON, sessions, columns),
        ):
            for field in fields(bars):
                found.update(np.ascontiguousarray(getattr(bars, field.name)).data)
    found.update(repr([astuple(row) for row in market.splits.rows]).encode())
    listings = market.listings
    found.update("\n".join(listings.symbols).encode())
    for codes in (listings.kind, listings.sector, listings.first, listings.last):
        found.update(codes.data)
    for dollars in (market.traits.dollars, market.traits.start):
        found.update(dollars.data)
    return found.hexdigest()


if __name__ == "__main__":
    print(digest(generate(MarketSpec(int(sys.argv[1]), int(sys.argv[2]), date.fromisoformat(sys.argv[3])))))  # noqa: T201 - a program's answer
