"""Files of dividends."""

from datetime import date
from pathlib import Path

import pytest

from services.files.dividends import find_dividends, read_dividends
from services.market.dividends import Dividend
from services.market.errors import LocalDataError
from services.market.sessions import to_day_number


def test_dividends_are_found_in_any_spelling_of_their_symbol(tmp_path: Path) -> None:
    path = tmp_path / "dividends.csv"
    path.write_text("ticker,ex_date,cash_amount\nBRK/B,2025-05-12,0.25\nGONE,2025-05-12,1\n")
    day = to_day_number(date(2025, 5, 12))
    assert read_dividends(path, {"BRK.B", "A"}) == (Dividend("BRK.B", day, 0.25),)


@pytest.mark.parametrize("amount", ["0", "-0.5", "inf"])
def test_an_amount_that_is_none_is_named_with_its_file(tmp_path: Path, amount: str) -> None:
    path = tmp_path / "dividends.csv"
    path.write_text(f"symbol,date,amount\nA,2025-05-12,{amount}\n")
    with pytest.raises(LocalDataError, match=r"dividends\.csv: a dividend of"):
        read_dividends(path, {"A"})


def test_the_file_beside_the_bars_is_taken_unless_another_is_named(tmp_path: Path) -> None:
    bars, beside = tmp_path / "bars.parquet", tmp_path / "dividends.parquet"
    assert find_dividends(bars, None) is None
    beside.touch()
    assert find_dividends(bars, None) == beside
    assert find_dividends(tmp_path, None) == beside
    assert find_dividends(bars, tmp_path / "other.csv") == tmp_path / "other.csv"
