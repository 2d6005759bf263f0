"""The placeholder models that are committed: honest, loadable, and what their script makes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xgboost

from services.inference.model import Model
from services.inference.placeholder import FEATURES, SCALES, draw_features, formula, main, make_placeholder
from services.inference.repository import ModelRepository
from services.inference.settings import InferenceSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def shipped() -> ModelRepository:
    """Load the models that the service serves by default."""
    repository = ModelRepository(InferenceSettings().models_path)
    repository.load_all()
    return repository


@pytest.mark.parametrize("horizon", SCALES)
def test_the_script_makes_the_shipped_models_again(horizon: int, shipped: ModelRepository) -> None:
    made, model = make_placeholder(horizon), shipped.model(f"placeholder_alpha_{horizon}", "1")
    features = draw_features(5_000, seed=1)
    np.testing.assert_allclose(Model(made.card, made.content).predict(features), model.predict(features), atol=1e-6)
    assert made.card.features == model.card.features == FEATURES
    assert made.card.training == model.card.training


@pytest.mark.parametrize(("horizon", "scale"), SCALES.items())
def test_a_shipped_model_follows_its_formula(horizon: int, scale: float, shipped: ModelRepository) -> None:
    features = draw_features(5_000, seed=2)
    alphas = shipped.model(f"placeholder_alpha_{horizon}").predict(features)
    wanted = formula(features, scale)
    assert np.abs(alphas).max() < scale * 1.05
    assert np.corrcoef(alphas, wanted)[0, 1] > 0.99
    assert np.isnan(features[:, 1]).any()


@pytest.mark.parametrize("horizon", SCALES)
def test_a_shipped_model_says_that_it_was_not_trained_on_returns(horizon: int, shipped: ModelRepository) -> None:
    card = shipped.model(f"placeholder_alpha_{horizon}").card
    assert (card.kind, card.horizon_sessions) == ("placeholder", horizon)
    assert "not trained on returns" in card.training


@pytest.mark.parametrize("horizon", SCALES)
def test_a_shipped_card_tells_the_base_of_its_booster(horizon: int, shipped: ModelRepository) -> None:
    path = InferenceSettings().models_path / f"placeholder_alpha_{horizon}" / "1" / "model.ubj"
    config = json.loads(xgboost.Booster(model_file=path).save_config())
    base = json.loads(config["learner"]["learner_model_param"]["base_score"])
    assert base == [shipped.model(f"placeholder_alpha_{horizon}").card.base]


def test_a_missing_volatility_or_momentum_still_gives_an_alpha(shipped: ModelRepository) -> None:
    features = np.full((1, len(FEATURES)), np.nan, np.float32)
    assert np.isfinite(shipped.model("placeholder_alpha_10").predict(features)).all()


def test_the_written_files_load_and_are_small(tmp_path: Path) -> None:
    main([str(tmp_path)])
    repository = ModelRepository(tmp_path)
    repository.load_all()
    assert repository.ready
    assert [entry.name for entry in repository.entries()] == ["placeholder_alpha_10", "placeholder_alpha_5"]
    assert all(path.stat().st_size <= 200_000 for path in tmp_path.rglob("model.ubj"))
    assert json.loads((tmp_path / "placeholder_alpha_5/1/card.json").read_text())["kind"] == "placeholder"
