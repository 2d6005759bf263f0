"""CSV files: the headers and values that are taken, and the one sentence for what is not bars."""

import gzip
from pathlib import Path

import pytest

from services.files.bars import BarTable
from services.files.reader import last_session, read_bars
from services.market.errors import LocalDataError
from tests.files.conftest import HEADER, LAST, SESSIONS, Write, lines

ROW = f"AAPL,{LAST},209.5,212,207.25,211.14,1000.5\n"


def last_bars(table: BarTable) -> dict[str, list[float]]:
    rows = table.rows(LAST, LAST)
    names = [table.symbols[column] for column in table.columns[rows].tolist()]
    return dict(zip(names, table.values(rows).T.tolist(), strict=True))


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        "SYMBOL,Date,Open,High,Low,Close,Volume",
        "ticker,day,open,high,low,close,volume",
        "Ticker,Session,open,high,low,close,volume",
        "\ufeffsymbol, date ,open,high,low,close,volume",
    ],
)
def test_the_spelling_of_the_header_does_not_matter(write: Write, header: str) -> None:
    table = read_bars([write("bars.csv", f"{header}\n{ROW}")])
    assert last_bars(table) == {"AAPL": [209.5, 212.0, 207.25, 211.14, 1000.5]}


def test_the_order_of_columns_and_other_columns_do_not_matter(write: Write) -> None:
    text = f"note,volume,close,low,high,open,date,symbol,note\nx,7,2,1,4,3,{LAST},T,y\n"
    assert last_bars(read_bars([write("bars.csv", text)])) == {"T": [3.0, 4.0, 1.0, 2.0, 7.0]}


def test_prices_are_taken_as_written(write: Write) -> None:
    text = f"{HEADER}\nA,{LAST},1,123.456789,1e-3,100.0000001,12345678.125\n"
    assert last_bars(read_bars([write("bars.csv", text)]))["A"] == [1, 123.456789, 0.001, 100.0000001, 12345678.125]


def test_symbols_that_look_like_nothing_are_symbols(write: Write) -> None:
    table = read_bars([write("bars.csv", f"{HEADER}\n" + lines(["NA", "null", "NaN", "TRUE", "1E5"]))])
    assert table.symbols == ("NA", "null", "NaN", "TRUE", "1E5")


def test_a_value_that_is_missing_is_no_bar_but_no_error(write: Write) -> None:
    values = last_bars(read_bars([write("bars.csv", f"{HEADER}\n{ROW}T,{LAST},,,,,\n")]))
    assert values["AAPL"][3] == 211.14
    assert all(value != value for value in values["T"])  # noqa: PLR0124 - NaN


def test_a_gzipped_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n{ROW}".encode()))
    assert last_bars(read_bars([path]))["AAPL"][3] == 211.14


def test_rows_on_days_without_a_session_are_dropped_and_counted(write: Write) -> None:
    path = write("bars.csv", f"{HEADER}\n{ROW}AAPL,2025-07-05,1,1,1,1,1\nOLD,1980-01-02,1,1,1,1,1\n")
    table = read_bars([path])
    assert (table.dropped_count, table.symbols, table.last_session) == (2, ("AAPL",), LAST)
    assert last_session([path]) == LAST


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks a column symbol or ticker"),
        ("no bars at all", "lacks a column symbol or ticker"),
        (f"{HEADER}\n", "0 rows"),
        (f"{HEADER.replace(',low', '')}\n", "lacks a column low"),
        (f"{HEADER},Symbol\n", "lacks a column symbol"),
        (f"{HEADER}\nAAPL,07/09/2025,1,1,1,1,1\n", "column date"),
        (f"{HEADER}\nAAPL,2025-07-09T00:00:00,1,1,1,1,1\n", "column date"),
        (f"{HEADER}\nAAPL,,1,1,1,1,1\n", "1 rows without a date"),
        (f"{HEADER}\nAAPL,{LAST},1,1,1,one,1\n", "column close"),
        (f"{HEADER}\n{ROW}{ROW[:20]}", "Expected 7 columns, got 3"),
        (f"{HEADER}\n{ROW}{ROW}", "1 bars twice"),
        (f"{HEADER}\nAAPL,2025-07-05,1,1,1,1,1\n", "no row is on a session"),
    ],
)
def test_a_file_that_is_not_bars_is_refused_in_one_line(write: Write, text: str, said: str) -> None:
    with pytest.raises(LocalDataError) as caught:
        read_bars([write("bars.csv", text)])
    assert said in caught.value.message
    assert "bars.csv" in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bars", b"PAR1\x00\x15\x04", b"\x00" * 40, b"x" * 70_000])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(content)
    with pytest.raises(LocalDataError, match=r"bars\.csv"):
        read_bars([path])


def test_a_gzipped_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv.gz"
    whole = gzip.compress(f"{HEADER}\n{lines(['A', 'B'], SESSIONS)}".encode())
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(LocalDataError, match=r"bars\.csv\.gz"):
            read_bars([path])
