"""Sectors by industry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.market.sectors import sector_of
from services.simulator.companies import SECTORS

NAMES = {
    "Technology", "Health Care", "Finance", "Consumer Discretionary", "Consumer Staples", "Industrials", "Energy",
    "Utilities", "Real Estate", "Basic Materials", "Telecommunications", "Miscellaneous",
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "sector"),
    [
        ("0100", "Consumer Staples"),
        ("1040", "Basic Materials"),
        ("1220", "Energy"),
        ("1311", "Energy"),
        ("1531", "Consumer Discretionary"),
        ("1623", "Industrials"),
        ("2080", "Consumer Staples"),
        ("2111", "Consumer Staples"),
        ("2834", "Health Care"),
        ("2836", "Health Care"),
        ("2840", "Consumer Staples"),
        ("2911", "Energy"),
        ("3021", "Consumer Discretionary"),
        ("3312", "Basic Materials"),
        ("3571", "Technology"),
        ("3576", "Technology"),
        ("3674", "Technology"),
        ("3711", "Consumer Discretionary"),
        ("3721", "Industrials"),
        ("3841", "Health Care"),
        ("4011", "Industrials"),
        ("4512", "Consumer Discretionary"),
        ("4513", "Industrials"),
        ("4813", "Telecommunications"),
        ("4833", "Consumer Discretionary"),
        ("4841", "Telecommunications"),
        ("4911", "Utilities"),
        ("4953", "Utilities"),
        ("5122", "Health Care"),
        ("5331", "Consumer Discretionary"),
        ("5411", "Consumer Staples"),
        ("5812", "Consumer Discretionary"),
        ("5912", "Consumer Staples"),
        ("5961", "Consumer Discretionary"),
        ("6021", "Finance"),
        ("6324", "Health Care"),
        ("6331", "Finance"),
        ("6552", "Real Estate"),
        ("6770", "Finance"),
        ("6798", "Real Estate"),
        ("6799", "Finance"),
        ("7011", "Consumer Discretionary"),
        ("7372", "Technology"),
        ("7389", "Consumer Discretionary"),
        ("8062", "Health Care"),
        ("8731", "Health Care"),
        ("8888", "Miscellaneous"),
        ("9995", "Miscellaneous"),
        ("800", "Basic Materials"),
    ],
)
def test_well_known_codes_lie_in_their_sectors(code: str, sector: str) -> None:
    assert sector_of(code) == sector


@pytest.mark.parametrize("text", ["", "99", "0099", "12345", "73a2", "-372", " 737", "²³⁴⁵", "7372 "])
def test_a_text_that_is_no_code_has_no_sector(text: str) -> None:
    assert sector_of(text) == ""


@given(st.integers(100, 9999))
def test_every_code_has_one_of_the_known_sectors(code: int) -> None:
    assert sector_of(f"{code:04d}") in NAMES


def test_the_simulators_companies_lie_in_the_sectors_that_it_says() -> None:
    for sector in SECTORS:
        assert {sector_of(code) for code, _ in sector.industries} == {sector.name}
