"""Scans over other models and other servers of models than those that come with the project."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from services.inference.settings import InferenceSettings
from services.market.vocabulary import Flag
from services.simulator.market import Market
from tests.gateway.other_server import INPUT, OUTPUT, OtherServer, serving
from tests.system.conftest import Scan, Stack, running, simulated, simulated_settings

MODELS = InferenceSettings().models_path
NARROWED = 12
"""Features whose range is cut in half: more than a tenth of them all, so that some rows fall out and some do not."""


def card_of(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """Return the newest card of a model, and where it lies."""
    newest = max((folder / name).iterdir(), key=lambda version: int(version.name))
    return newest / "card.json", json.loads((newest / "card.json").read_text())


def column(scan: Scan, name: str) -> dict[str, Any]:
    """Return a column of the rows by symbol."""
    return {
        symbol: value for batch in scan.rows for symbol, value in zip(batch.symbols, getattr(batch, name), strict=True)
    }


def factors(scan: Scan, names: list[str]) -> dict[str, list[float]]:
    """Return requested factors by symbol."""
    found: dict[str, list[float]] = {}
    for batch in scan.rows:
        columns = {it.name: it.values for it in batch.factors}
        for row, symbol in enumerate(batch.symbols):
            found[symbol] = [columns[name][row] for name in names]
    return found


@pytest.fixture
def ranged(tmp_path: Path) -> tuple[Path, list[str]]:
    """Give a copy of the shipped models with ranges on the card of alpha_5 only, and its narrowed features."""
    folder = tmp_path / "models"
    shutil.copytree(MODELS, folder)
    for name in ("alpha_5", "alpha_10"):
        place, card = card_of(folder, name)
        count = len(card["features"])
        ranges = [[0.0, 1e30]] * NARROWED + [[-1e30, 1e30]] * (count - NARROWED)
        place.write_text(json.dumps(card | {"feature_ranges": ranges if name == "alpha_5" else None}))
    names = card_of(folder, "alpha_5")[1]["features"][:NARROWED]
    return folder, [name.partition("@")[0] for name in names]


async def test_rows_unlike_what_a_model_learned_from_are_flagged_and_nothing_else_changes(
    ranged: tuple[Path, list[str]], stack: Stack, market: Market, tmp_path: Path
) -> None:
    folder, names = ranged
    settings = {"models_path": folder}
    async with (
        simulated(market) as url,
        running(tmp_path, simulated_settings(url), inference=settings) as other,
    ):
        flagged = await other.scan(top_count=0, factors=names)
        again = await other.scan(top_count=0, factors=names)
    plain = await stack.scan(top_count=0)
    limit = len(card_of(folder, "alpha_5")[1]["features"]) / 10
    outside = {
        symbol: int(np.sum(np.array(values, np.float32) < 0)) > limit
        for symbol, values in factors(flagged, names).items()
    }
    flags = column(flagged, "flags")
    assert {symbol: bool(bits & Flag.OUT_OF_DISTRIBUTION) for symbol, bits in flags.items()} == outside
    assert len(set(outside.values())) == 2
    for name in ("scores", "alpha_5", "alpha_10", "signals"):
        assert column(flagged, name) == column(plain, name)
    assert again.result.result_hash == flagged.result.result_hash


async def test_another_server_of_models_gives_the_same_rows(stack: Stack, market: Market, tmp_path: Path) -> None:
    boosters: dict[str, xgboost.Booster] = {}
    terms: dict[str, str] = {}
    for name in ("alpha_5", "alpha_10"):
        place, card = card_of(MODELS, name)
        boosters[name] = xgboost.Booster(model_file=str(place.with_name("model.ubj")))
        boosters[name].feature_names = None
        terms |= {f"{name}_features": ",".join(card["features"]), f"{name}_input": INPUT, f"{name}_output": OUTPUT}
    other = OtherServer(boosters)
    async with (
        serving(other, f"unix:{tmp_path}/inference"),
        simulated(market) as url,
        running(
            tmp_path,
            simulated_settings(url),
            without=("inference",),
            gateway={"inference_streaming": False, **terms},
        ) as services,
    ):
        theirs = await services.scan(top_count=0)
    ours = await stack.scan(top_count=0)
    assert not any("no alphas" in notice for notice in theirs.result.notices)
    assert theirs.result.versions["alpha_5"] == "alpha_5"
    for name in ("scores", "alpha_5", "alpha_10", "signals"):
        assert column(theirs, name) == column(ours, name)
    assert sum(other.rows) == 2 * theirs.result.scored_count
