"""Files of names and types, and of splits."""

import math

import pytest

from services.files.attributes import find_universe, read_attributes
from services.files.splits import read_splits
from services.market.adjust import Split
from services.market.errors import LocalDataError
from services.market.sessions import to_day_number
from services.market.vocabulary import SymbolType
from tests.files.conftest import LAST, Write


def test_what_a_csv_file_knows_is_found_in_any_spelling(write: Write) -> None:
    header = "Symbol,Name,Type,market_cap,Industry\n"
    text = f"{header}BRK.B,Berkshire,Common,1e12,Insurers\nNA,Nano Labs,adr,,\nBRK.B,again,etf,1,\n"
    book = read_attributes(write("universe.csv", text))
    for spelling in ("BRK.B", "BRK-B", "BRK/B"):
        found = book.get(spelling)
        assert found is not None
        assert (found.name, found.type, found.market_cap) == ("Berkshire", SymbolType.COMMON, 1e12)
        assert found.industry == "Insurers"
    assert book.describe("NA").industry == ""
    assert book.describe("NA").type == SymbolType.ADR
    assert math.isnan(book.describe("NA").market_cap)
    assert (book.get("T"), book.describe("T-WS").type) == (None, SymbolType.WARRANT)


def test_the_symbol_of_the_bars_counts_before_the_list_s_own(write: Write) -> None:
    text = "symbol,bars_symbol,type,test_issue\nX,Y,common,N\nZVZZT,ZVZZT,common,Y\nZ,,common,N\n"
    book = read_attributes(write("universe.csv", text))
    assert (book.get("X"), book.get("Z"), len(book)) == (None, None, 2)
    assert book.describe("ZVZZT").test_issue


def test_the_universe_beside_the_bars_or_in_their_folder_is_taken_unless_one_is_named(write: Write) -> None:
    bars = write("bars.parquet", "")
    named = write("named.csv", "")
    assert find_universe(bars, None) is None
    beside = write("universe.parquet", "")
    assert find_universe(bars, None) == find_universe(bars.parent, None) == beside
    assert find_universe(bars, named) == named


def test_a_file_without_types_is_refused(write: Write) -> None:
    with pytest.raises(LocalDataError, match="lacks a column type"):
        read_attributes(write("universe.csv", "symbol,name\nA,b\n"))


def test_splits_are_read_for_the_symbols_of_the_bars(write: Write) -> None:
    path = write("splits.csv", f"Ticker,Execution_Date,Ratio\nBRK.B,{LAST},50\nOTHER,{LAST},2\nT,2030-01-02,0.1\n")
    day = to_day_number(LAST)
    later = to_day_number(LAST.replace(2030, 1, 2))
    assert read_splits(path, {"BRK-B", "T"}) == (Split("BRK-B", day, 1.0, 50.0), Split("T", later, 10.0, 1.0))


@pytest.mark.parametrize(
    ("ratio", "shares"),
    [(4.0, (1, 4)), (1.5, (2, 3)), (1 / 3, (3, 1)), (1 / 1000, (1000, 1)), (1.0309, (10_000, 10_309))],
)
def test_a_ratio_is_the_fraction_that_was_meant(ratio: float, shares: tuple[float, float], write: Write) -> None:
    (split,) = read_splits(write("splits.csv", f"symbol,date,ratio\nT,{LAST},{ratio!r}\n"), {"T"})
    assert (split.ratio_from, split.ratio_to) == shares


def test_a_ratio_that_is_no_fraction_is_taken_as_it_is(write: Write) -> None:
    (split,) = read_splits(write("splits.csv", f"symbol,date,ratio\nT,{LAST},1.0309123456\n"), {"T"})
    assert (split.ratio_from, split.ratio_to) == (1.0, 1.0309123456)


@pytest.mark.parametrize(
    ("row", "said"),
    [("A,2025-07-09,0", "above 0"), ("A,2025-07-09,-2", "above 0"), ("A,2025-07-09,", "1 rows without a ratio"),
     ("A,2025-07-09,2:1", "column ratio"), ("A,,2", "1 rows without a date")],
)  # fmt: skip
def test_a_file_that_is_not_splits_is_refused(write: Write, row: str, said: str) -> None:
    with pytest.raises(LocalDataError, match=said):
        read_splits(write("splits.csv", f"symbol,date,ratio\n{row}\n"), {"A"})
