"""A repository of small real models, served over a Unix socket."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xgboost

from inference import open_inference_grpc_pb2_grpc as oip_grpc
from services.inference.__main__ import compose
from services.inference.repository import ModelRepository
from services.inference.settings import InferenceSettings
from services.rpc.channel import open_channel
from services.rpc.serve import RunningServer, start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from numpy.typing import NDArray

    MakeModel = Callable[..., Path]

FEATURES = ("vol_realized_60@1", "mom_12_1@1", "rsi_14@2")


def train(width: int, seed: int = 0) -> xgboost.Booster:
    """Train a booster on random rows, some values missing."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((500, width)).astype(np.float32)
    features[random.random(features.shape) < 0.05] = np.nan
    table = xgboost.DMatrix(features, np.nansum(features, axis=1) * 0.01, nthread=1)
    return xgboost.train({"tree_method": "hist", "max_depth": 4, "nthread": 1}, table, 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an empty folder for models."""
    made = tmp_path / "models"
    made.mkdir()
    return made


@pytest.fixture
def make_model(folder: Path) -> MakeModel:
    """Give a function that writes a version of a model; keyword arguments replace fields of its card."""

    def make(name: str = "alpha_5", version: int = 1, content: bytes | None = None, /, **card: object) -> Path:
        content = bytes(train(len(FEATURES), version).save_raw("ubj")) if content is None else content
        fields: dict[str, object] = {
            "name": name,
            "version": version,
            "horizon_sessions": 5,
            "features": FEATURES,
            "base": 0.5,
            "sha256": hashlib.sha256(content).hexdigest(),
            "training": "on random rows, for tests",
        }
        place = folder / name / str(version)
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.ubj").write_bytes(content)
        (place / "card.json").write_text(json.dumps({**fields, **card}))
        return place

    return make


@pytest.fixture
def repository(folder: Path) -> ModelRepository:
    return ModelRepository(folder)


@pytest.fixture
async def server(folder: Path, make_model: MakeModel, tmp_path: Path) -> AsyncIterator[RunningServer]:
    """Serve two versions of alpha_5, and alpha_10 that is broken."""
    for version in (1, 2):
        make_model("alpha_5", version)
    make_model("alpha_10", 1, sha256="0" * 64)
    settings = InferenceSettings(address=f"unix:{tmp_path}/oip.sock", models_path=folder)
    async with compose(settings) as spec:
        running = await start(spec)
        yield running
        await running.stop()


@pytest.fixture
async def stub(server: RunningServer) -> AsyncIterator[oip_grpc.GRPCInferenceServiceStub]:
    async with open_channel(server.address) as channel:
        yield oip_grpc.GRPCInferenceServiceStub(channel)


@pytest.fixture
def block() -> NDArray[np.float32]:
    """Give (row, feature) values for FEATURES, some missing."""
    random = np.random.default_rng(7)
    values = random.standard_normal((300, len(FEATURES))).astype(np.float32)
    values[random.random(values.shape) < 0.1] = np.nan
    return values
