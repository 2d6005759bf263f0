"""Every factor that TA-Lib has, against TA-Lib, on two thousand generated series."""

import math
from dataclasses import replace

import numpy as np
import pytest

from services.market.scoring import ScoringConfig
from services.scorer.engine import FactorEngine
from services.scorer.factors import FACTORS
from services.scorer.series import Series, carry_series
from tests.scorer import markets, oracles, plain
from tests.scorer.many import KINDS, many
from tests.scorer.tolerance import tolerance

SERIES = 2_000
SPY = markets.benchmark()
RULES = replace(ScoringConfig.load().history, minimum_bars=1, stale_sessions=markets.SESSIONS)


@pytest.fixture(scope="module")
def series() -> Series:
    return carry_series(markets.panel_of(many(SERIES)), RULES)


@pytest.fixture(scope="module")
def symbols(series: Series) -> list[plain.Bars]:
    return [plain.Bars.of(series, j, SPY) for j in range(SERIES)]


@pytest.fixture(scope="module")
def values(series: Series) -> dict[str, np.ndarray]:
    engine = FactorEngine(ScoringConfig.load())
    return dict(zip(engine.names, engine.compute(series, SPY).T, strict=True))


def test_all_series_are_scored(series: Series) -> None:
    assert series.scored.all()


SPECS = {spec.name: spec for spec in FACTORS}


@pytest.mark.parametrize("name", list(oracles.TALIB))
def test_factor_equals_talib(name: str, values: dict[str, np.ndarray], symbols: list[plain.Bars]) -> None:
    wrong, compared = [], 0
    for j, (bars, value) in enumerate(zip(symbols, values[name].tolist(), strict=True)):
        expected = oracles.value(name, bars)
        if math.isnan(value) and math.isnan(expected):
            continue
        compared += 1
        if not abs(value - expected) <= tolerance(SPECS[name], expected, bars):
            wrong.append((j, KINDS[j % len(KINDS)], value, expected))
    assert wrong == []
    assert compared > SERIES / 2
