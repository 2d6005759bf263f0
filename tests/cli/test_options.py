"""What the user typed, and what it means."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import options
from services.market.errors import InvalidRequestError
from services.market.vocabulary import SymbolType


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("90s", 90.0), ("1.5m", 90.0), ("1h", 3600.0), ("500ms", 0.5), (" 2s ", 2.0)]
)
def test_a_time_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert options.parse_time(text, "--budget") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-1s", "s", "1d", "nan", "inf", "1e3", "1 s 2", "0x10"])
def test_what_is_no_time_names_the_flag(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="--budget"):
        options.parse_time(text, "--budget")


@given(st.text(max_size=12))
def test_any_text_is_a_time_above_zero_or_an_error(text: str) -> None:
    try:
        seconds = options.parse_time(text, "--budget")
    except InvalidRequestError:
        return
    assert seconds > 0


def test_symbols_are_split_and_keep_their_case() -> None:
    assert options.parse_symbols(" AAPL, BRK.B ,,KIMpL") == ("AAPL", "BRK.B", "KIMpL")


def test_symbols_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("AAPL, BRK.B  # two\n\nMSFT\n# none\n")
    assert options.parse_symbols(f"@{path}") == ("AAPL", "BRK.B", "MSFT")


def test_a_file_of_symbols_that_gives_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"--symbols: .*none.txt cannot be read: No such file"):
        options.parse_symbols(f"@{tmp_path / 'none.txt'}")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(InvalidRequestError, match="--symbols names none"):
        options.parse_symbols(f"@{tmp_path / 'empty.txt'}")


@pytest.mark.parametrize("text", ["", " ", ",,"])
def test_a_list_without_symbols_is_refused_rather_than_taken_for_all(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="leave it out"):
        options.parse_symbols(text)


def test_types_are_read_in_any_case() -> None:
    assert options.parse_types("common, ADR") == (SymbolType.COMMON, SymbolType.ADR)


def test_an_unknown_type_lists_those_there_are() -> None:
    with pytest.raises(InvalidRequestError, match="WARRANT"):
        options.parse_types("STOCK")


@pytest.mark.parametrize(("text", "meant"), [("", ""), ("2025-09-30", "2025-09-30"), ("20250930", "2025-09-30")])
def test_a_date_is_iso(text: str, meant: str) -> None:
    assert options.parse_as_of(text) == meant


@pytest.mark.parametrize("text", ["yesterday", "2025-02-30", "30.09.2025"])
def test_what_is_no_date_is_an_error(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="--as-of"):
        options.parse_as_of(text)


@pytest.mark.parametrize("text", ["127.0.0.1:50051", "unix:/tmp/socket", "dns:///gateway:50051", "[::1]:1"])
def test_an_address_is_taken_as_it_is(text: str) -> None:
    assert options.check_address(text, "--gateway") == text


@pytest.mark.parametrize("text", ["", "localhost", "host:", "host:99999", "host:http"])
def test_what_is_no_address_is_an_error(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="--gateway"):
        options.check_address(text, "--gateway")
