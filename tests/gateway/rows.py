"""Scored symbols of a random market, some of them with holes in what is known."""

import numpy as np

from services.gateway.candidates import Candidates
from services.gateway.conclude import RANKED_COLUMNS
from services.gateway.plans import COLUMNS

EXCHANGES = ("XNYS", "XNAS", "")
SECTORS = ("Finance", "Technology", "Energy", "")
INDUSTRIES = ("Major Banks", "Semiconductors", "")
COUNT = 200


def candidates(seed: int = 1, count: int = COUNT, holes: float = 0.1) -> Candidates:
    """Return candidates in which every number but score, close and TechRating is missing here and there."""
    random = np.random.default_rng(seed)
    columns = {name: random.normal(size=count) for name in (*RANKED_COLUMNS, *COLUMNS, "rsi_14")}
    columns["tech_rating"] = np.round(random.uniform(-25, 25, count))
    columns["dollar_vol_20"] = random.lognormal(16, 2, count)
    columns["volume_mean_20"] = random.lognormal(12, 2, count)
    columns["atr_pct_14"] = random.uniform(0.001, 0.08, count)
    columns["close"] = random.lognormal(3, 1, count)
    columns["atr_14"] = columns["atr_pct_14"] * columns["close"]
    columns["low_10"] = columns["close"] * random.uniform(0.8, 1, count)
    columns["high_10"] = columns["close"] * random.uniform(1, 1.2, count)
    columns["rsi_14"] = random.uniform(0, 100, count)
    market_caps = random.lognormal(21, 2, count)
    for values in (columns["dollar_vol_20"], columns["atr_pct_14"], columns["rsi_14"], market_caps):
        values[random.random(count) < holes] = np.nan
    return Candidates(
        symbols=tuple(f"S{number:04}" for number in range(count)),
        types=random.integers(1, 4, count),
        market_caps=market_caps,
        columns=columns,
        flags=np.zeros(count, np.uint32),
        alphas={role: random.normal(0, 0.02, count) for role in ("alpha_5", "alpha_10")},
        exchanges=tuple(random.choice(EXCHANGES, count).tolist()),
        sectors=tuple(random.choice(SECTORS, count).tolist()),
        industries=tuple(random.choice(INDUSTRIES, count).tolist()),
    )
