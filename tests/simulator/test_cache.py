"""The cache folder: the same market and the same bodies come back, and old markets go."""

import os
from pathlib import Path

import numpy as np
import pytest

from services.simulator.cache import Folder
from services.simulator.market import Market
from tests.simulator.conftest import Start

DAY = "/v2/aggs/grouped/locale/us/market/stocks/2025-09-30"


def files(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_a_kept_market_is_the_generated_one(tmp_path: Path, market: Market) -> None:
    folder = Folder(tmp_path, market.spec.fingerprint)
    folder.open()
    made, kept = folder.market(market.spec), folder.market(market.spec)
    assert files(tmp_path) == {"closes.npy", "splits.json"}
    for found in (made, kept):
        np.testing.assert_array_equal(found.closes, market.closes)
        assert found.splits.rows == market.splits.rows
        assert found.listings.symbols == market.listings.symbols


async def test_a_body_is_made_once_for_each_basis(tmp_path: Path, start: Start) -> None:
    async with start(cache=tmp_path) as running:
        first = [await running.get(f"{DAY}?adjusted={adjusted}") for adjusted in ("true", "false")]
        assert len(files(tmp_path)) == 2
        again = [await running.get(f"{DAY}?adjusted={adjusted}") for adjusted in ("true", "false")]
    assert again == first
    assert first[0] != first[1]
    async with start(cache=tmp_path) as running:
        assert await running.get(DAY) == first[0]
    assert not any(name.startswith(".") for name in files(tmp_path))


def test_a_damaged_market_is_generated_again(tmp_path: Path, market: Market) -> None:
    folder = Folder(tmp_path, market.spec.fingerprint)
    folder.market(market.spec)
    folder.write("closes.npy", b"")
    np.testing.assert_array_equal(folder.market(market.spec).closes, market.closes)


def test_at_most_three_markets_are_kept(tmp_path: Path) -> None:
    foreign = tmp_path / "something-else"
    foreign.mkdir()
    for age, name in enumerate(["e", "d", "c", "b"]):
        Folder(tmp_path, name).open()
        os.utime(tmp_path / f"simulator-{name}", (1e9 + age, 1e9 + age))
    Folder(tmp_path, "a").open()
    assert {path.name for path in tmp_path.iterdir()} == {"simulator-a", "simulator-b", "simulator-c", foreign.name}


def test_a_body_is_kept_even_if_its_folder_was_removed(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "x")
    assert folder.read("body") is None
    folder.write("body", b"text")
    assert folder.read("body") == b"text"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Folder(tmp_path / "file", "x").open()
