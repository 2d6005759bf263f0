"""Ranks over the symbols of a scan against plain counting."""

import math

import numpy as np
import pytest

from services.gateway import cross_section

RNG = np.random.default_rng(81)
COUNT = 40
COLUMNS = {name: RNG.normal(0, 0.2, COUNT).round(2) for name in (*cross_section.RETURNS, "mom_12_1")} | {
    "dollar_vol_20": RNG.lognormal(15, 2, COUNT),
    "vol_realized_60": RNG.lognormal(-1, 0.5, COUNT),
}
COLUMNS["ret_252"][[3, 7]] = np.nan
COLUMNS["mom_12_1"][[3, 7]] = np.nan
SECTORS = [("Energy", "Finance", "")[n % 3] for n in range(COUNT)]


def place(value: float, others: list[float]) -> float:
    """(average rank - 0.5) / n by counting."""
    if math.isnan(value):
        return 0.5
    below, equal = sum(other < value for other in others), sum(other == value for other in others)
    return (below + (equal + 1) / 2 - 0.5) / len(others)


def test_rs_rating_is_the_percentile_of_weighted_returns() -> None:
    r = {name: COLUMNS[name].tolist() for name in cross_section.RETURNS}
    strength = [
        0.4 * r["ret_63"][n] + 0.2 * r["ret_126"][n] + 0.2 * r["ret_189"][n] + 0.2 * r["ret_252"][n]
        for n in range(COUNT)
    ]
    known = [value for value in strength if not math.isnan(value)]
    found = cross_section.ranks(["rs_rating"], COLUMNS, SECTORS)["rs_rating"].tolist()
    for value, rating in zip(strength, found, strict=True):
        if math.isnan(value):
            assert math.isnan(rating)
        else:
            assert rating == min(99, math.floor(100 * place(value, known)))


def test_rs_rating_ends_at_99() -> None:
    many = {name: np.arange(1_000.0) for name in cross_section.RETURNS}
    assert cross_section.rs_rating(many).max() == 99
    assert cross_section.rs_rating(many).min() == 0


@pytest.mark.parametrize(("what", "column"), list(cross_section.RANKED.items()))
def test_percentiles_rank_among_all_and_among_the_sector(what: str, column: str) -> None:
    names = [f"{what}_percentile", f"{what}_percentile_in_sector"]
    found = cross_section.ranks(names, COLUMNS, SECTORS)
    values = COLUMNS[column].tolist()
    for n, value in enumerate(values):
        everyone = [other for other in values if not math.isnan(other)]
        peers = [values[m] for m in range(COUNT) if SECTORS[m] == SECTORS[n] and not math.isnan(values[m])]
        assert found[names[0]][n] == pytest.approx(place(value, everyone), abs=1e-15)
        assert found[names[1]][n] == pytest.approx(place(value, peers), abs=1e-15)


@pytest.mark.parametrize("name", cross_section.NAMES)
def test_a_rank_reads_its_inputs_and_nothing_else(name: str) -> None:
    read = {column: COLUMNS[column] for column in cross_section.inputs([name])}
    assert list(cross_section.ranks([name], read, SECTORS)) == [name]


def test_factors_among_the_names_are_passed_over() -> None:
    assert cross_section.inputs(["rsi_14"]) == ()
    assert cross_section.ranks(["rsi_14"], COLUMNS, SECTORS) == {}


def test_of_no_symbols_there_are_no_ranks() -> None:
    nothing = {name: np.empty(0) for name in COLUMNS}
    assert all(len(values) == 0 for values in cross_section.ranks(cross_section.NAMES, nothing, []).values())
