"""Rows of a scan as lines, as CSV and as Parquet: what is written reads back equal."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from pyarrow import parquet

from services.cli.answer import ScanReport
from services.cli.convert import to_report, to_rows
from services.cli.flat import columns_of
from services.cli.output import metadata_of, to_text, write_report
from tests.cli import scripted

COLUMNS = [
    "short", "rank", "symbol", "name", "type", "sector", "score", "tech_rating", "signal", "alpha_5", "alpha_10",
    "close", "market_cap", "flags", "trend",
]  # fmt: skip
PLAN_COLUMNS = ["entry", "stop", "target", "shares", "share_cap", "no_plan"]


@pytest.fixture
def traded() -> ScanReport:
    rows, shorts = tuple(to_rows(scripted.traded_rows())), tuple(to_rows(scripted.shorts()))
    return to_report(scripted.result("TRADED", ledger=False), rows, shorts)


@pytest.fixture
def plain() -> ScanReport:
    return to_report(scripted.result("FINE", ledger=False), tuple(to_rows(scripted.rows())))


def known(value: Any) -> Any:  # any cell
    """Return None for what pandas has for nothing."""
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value


def test_rows_are_columns_with_plans_where_they_were_asked_for(plain: ScanReport, traded: ScanReport) -> None:
    assert list(columns_of(plain)) == COLUMNS
    columns = columns_of(traded)
    assert list(columns) == COLUMNS + PLAN_COLUMNS
    assert columns["short"] == ("truth", [False, False, False, True])
    assert columns["symbol"] == ("text", ["AAA", "BRK.B", "ZZZ", "DOWN"])
    assert columns["tech_rating"] == ("number", [23.0, -3.0, None, -23.0])
    assert columns["flags"] == ("text", ["", "LOW_LIQUIDITY", "STALE_DATA TYPE_UNKNOWN", ""])
    assert columns["no_plan"] == ("text", [None, "NO_SIGNAL", "MISSING_DATA", None])


def test_lines_are_a_record_a_row(traded: ScanReport) -> None:
    records = [json.loads(line) for line in to_text(traded, "jsonl", with_ledger=False).splitlines()]
    assert [record["symbol"] for record in records] == ["AAA", "BRK.B", "ZZZ", "DOWN"]
    assert records == [dict(zip(columns_of(traded), row, strict=True)) for row in _rows(traded)]


def test_csv_has_a_header_and_nothing_for_what_is_not_known(traded: ScanReport) -> None:
    header, *lines = csv.reader(io.StringIO(to_text(traded, "csv", with_ledger=False)))
    assert header == COLUMNS + PLAN_COLUMNS
    assert lines == [["" if value is None else str(value) for value in row] for row in _rows(traded)]


def test_parquet_reads_back_equal_in_pandas_and_duckdb(traded: ScanReport, tmp_path: Path) -> None:
    out = tmp_path / "new" / "rows.parquet"
    write_report(traded, "parquet", out, with_ledger=False)
    expected = _rows(traded)
    frame = pd.read_parquet(out)
    assert list(frame.columns) == COLUMNS + PLAN_COLUMNS
    assert [tuple(map(known, row)) for row in frame.itertuples(index=False)] == expected
    with duckdb.connect() as database:
        assert database.execute("select * from read_parquet(?)", [str(out)]).fetchall() == expected


def test_parquet_says_which_scan_its_rows_are_of(traded: ScanReport, tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    write_report(traded, "parquet", out, with_ledger=False)
    found = {key.decode(): text.decode() for key, text in parquet.read_schema(out).metadata.items()}
    assert found == metadata_of(traded)
    assert (found["scan_id"], found["result_hash"], found["as_of"]) == ("00112233aabbccdd", "ab" * 32, "2025-09-30")
    assert (found["simulated"], found["style"], found["version.technic"]) == ("true", "position", "0.1.0")
    assert found["version.config"] == "cd" * 32
    rest = json.loads(found["scan"])
    assert rest["requested_count"] == rest["scored_count"] + rest["omitted_count"] == 5
    assert "rows" not in rest


def test_a_scan_without_rows_is_a_table_without_rows(plain: ScanReport, tmp_path: Path) -> None:
    empty = to_report(scripted.result("EMPTY", ledger=False), ())
    write_report(empty, "parquet", tmp_path / "rows.parquet", with_ledger=False)
    assert len(pd.read_parquet(tmp_path / "rows.parquet")) == 0
    assert to_text(empty, "jsonl", with_ledger=False) == ""
    assert to_text(plain, "csv", with_ledger=False).startswith(to_text(empty, "csv", with_ledger=False).strip())


def _rows(report: ScanReport) -> list[tuple[Any, ...]]:
    return list(zip(*(values for _, values in columns_of(report).values()), strict=True))
