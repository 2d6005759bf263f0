"""What is pinned, and what stands in the wheel."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()


def test_all_of_grpc_is_of_one_version() -> None:
    # Generated code refuses an older grpcio at import.
    versions = dict(re.findall(r"^(grpcio[a-z-]*)==(\S+)", LOCK, re.MULTILINE))
    assert {"grpcio", "grpcio-tools", "grpcio-status", "grpcio-reflection", "grpcio-health-checking"} <= set(versions)
    assert len(set(versions.values())) == 1


def test_every_pin_is_exact_and_hashed_and_names_no_host() -> None:
    pins = re.split(r"\n(?=[a-zA-Z0-9])", LOCK.strip())
    assert all(re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+", pin) for pin in pins)
    assert all("--hash=sha256:" in pin for pin in pins)
    assert "://" not in LOCK


def test_no_data_file_is_in_the_repository() -> None:
    kinds = {".parquet", ".csv", ".arrow", ".npy", ".npz", ".pkl", ".joblib", ".gz"}
    folders = ("services", "tests", "models", "docs", "protos")
    assert [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in kinds] == []
