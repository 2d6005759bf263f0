"""Carries the bars of one store into another one by way of a file, as the command does it."""

import sys
from pathlib import Path

from services.cli.intake import IntakeRules
from services.cli.transfer import ExportRequest, export_store, import_files
from services.files.writer import splits_beside

if __name__ == "__main__":
    source, target, file = map(Path, sys.argv[1:])
    export_store(source, ExportRequest(file, None, ()))
    rules = IntakeRules(retention=2000, replace=False, partial=False, simulated=True)
    import_files(target, file, splits_beside(file), rules)
