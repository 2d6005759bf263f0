"""The main job, as a user runs it: `technic scan` with a stack of its own, over the default simulated market."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.system import golden

TOLERANCE = 1e-9
"""Last bits may differ between types of CPU; ranks may not."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def document(home: Path) -> dict[str, Any]:
    return golden.scan(home, *golden.CASES["golden_scan"])


def differences(ours: object, pinned: object, where: str = "") -> list[str]:
    """List where two documents differ: numbers by the tolerance, everything else exactly."""
    if isinstance(ours, dict) and isinstance(pinned, dict):
        if ours.keys() != pinned.keys():
            return [f"{where}: {sorted(ours)} instead of {sorted(pinned)}"]
        return [text for key in pinned for text in differences(ours[key], pinned[key], f"{where}.{key}")]
    if isinstance(ours, list) and isinstance(pinned, list):
        if len(ours) != len(pinned):
            return [f"{where}: {len(ours)} instead of {len(pinned)}"]
        pairs = enumerate(zip(ours, pinned, strict=True))
        return [text for n, (a, b) in pairs for text in differences(a, b, f"{where}[{n}]")]
    close = (
        isinstance(ours, float)
        and isinstance(pinned, float)
        and math.isclose(ours, pinned, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    )
    return [] if close or ours == pinned else [f"{where}: {ours!r} instead of {pinned!r}"]


def test_the_simulated_market_is_ranked_as_it_always_was(document: dict[str, Any]) -> None:
    assert differences(golden.kept(document), json.loads(golden.place("golden_scan").read_text())) == []


@pytest.mark.parametrize("case", sorted(golden.CASES.keys() - {"golden_scan"}))
def test_shorts_plans_and_styles_are_as_they_always_were(case: str, document: dict[str, Any], home: Path) -> None:
    # The document's scan has filled the home.
    assert document["scored_count"]
    found = golden.kept(golden.scan(home, *golden.CASES[case]))
    assert differences(found, json.loads(golden.place(case).read_text())) == []
    assert found["rows"]
    assert all(row["plan"] for row in (*found["rows"], *found["shorts"]))


def test_a_scan_of_the_whole_market_adds_up_and_is_complete(document: dict[str, Any]) -> None:
    assert document["requested_count"] == document["scored_count"] + document["omitted_count"] == 6000
    assert document["omitted_count"] == sum(document["omissions"]["counts"].values())
    assert [row["rank"] for row in document["rows"]] == list(range(1, golden.TOP + 1))
    assert not document["budget_spent"]


def test_a_second_run_gives_the_same_hash(document: dict[str, Any], home: Path) -> None:
    assert golden.scan(home, *golden.CASES["golden_scan"])["result_hash"] == document["result_hash"]


def test_the_real_market_is_ranked_as_of_its_last_session(home: Path, shared_data: Path) -> None:
    document = golden.scan(home, "--bars", str(shared_data / "bars_2025.parquet"), "--symbols", "AAPL,V,TSM,BRK-B,T,MO")
    assert (document["as_of"], document["provider"], document["simulated"]) == ("2025-07-09", "files", False)
    closes = {row["symbol"]: row["close"] for row in document["rows"]}
    assert set(closes) == {"AAPL", "V", "TSM", "BRK-B", "T", "MO"}
    assert closes["AAPL"] == 211.14
