"""Writes the report of a scan, in any form, to stdout or to a file."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.cli.answer import ScanReport
from services.cli.flat import columns_of
from services.cli.options import Form
from services.cli.report import to_document, to_json
from services.cli.table import print_report
from services.files.place import replacing
from services.files.rows import write_rows


def write_report(
    report: ScanReport, form: Form, out: Path | None, *, with_ledger: bool, factors: tuple[str, ...] = ()
) -> None:
    """Write a report.

    Args:
        report: of the scan.
        form: how; Parquet goes to a file only.
        out: file that takes it; None for stdout.
        with_ledger: whether the JSON document lists every omission.
        factors: those that the table shows.

    Raises:
        LocalDataError: the file cannot be written.
    """
    if out is None and form == "table":
        print_report(report, sys.stdout, factors)
    elif out is None:
        sys.stdout.write(to_text(report, form, with_ledger=with_ledger))
    elif form == "parquet":
        write_rows(out, columns_of(report), metadata_of(report))
    else:
        with replacing(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as stream:
            if form == "table":
                print_report(report, stream, factors)
            else:
                stream.write(to_text(report, form, with_ledger=with_ledger))


def to_text(report: ScanReport, form: Form, *, with_ledger: bool) -> str:
    """Return a report as text: a JSON document of all there is, or the rows as lines of JSON or CSV."""
    if form == "json":
        return to_json(report, with_ledger=with_ledger) + "\n"
    if form == "jsonl":
        return "".join(f"{json.dumps(record, allow_nan=False)}\n" for record in _records(report))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns_of(report))
    writer.writerows(record.values() for record in _records(report))
    return text.getvalue()


def metadata_of(report: ScanReport) -> dict[str, str]:
    """Return what a file of rows says of their scan: ids, hashes and versions, and all the rest as one document."""
    document = to_document(report, with_ledger=False)
    rest = {name: value for name, value in document.items() if name not in {"rows", "shorts"}}
    named = ("scan_id", "as_of", "provider", "profile", "style", "result_hash")
    return (
        {name: str(document[name]) for name in named}
        | {"simulated": json.dumps(report.simulated), "provisional": json.dumps(report.provisional)}
        | {f"version.{part}": version for part, version in report.versions.items()}
        | {"scan": json.dumps(rest)}
    )


def _records(report: ScanReport) -> Iterator[dict[str, Any]]:
    columns = columns_of(report)
    for values in zip(*(values for _, values in columns.values()), strict=True):
        yield dict(zip(columns, values, strict=True))
