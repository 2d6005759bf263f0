"""The models that come with the project: loadable, small, honest, and made for the factors of this version."""

import json
from datetime import date
from pathlib import Path

import pytest

from services.gateway.settings import GatewaySettings
from services.inference.card import TrainedOn, read_card
from services.inference.features import FEATURES
from services.inference.repository import ModelRepository
from services.inference.settings import InferenceSettings
from services.scorer.factors import FACTORS
from services.scorer.factors.spec import Unit

HORIZONS = (5, 10)


@pytest.fixture(scope="module")
def shipped() -> ModelRepository:
    """Load the models that the service serves by default."""
    repository = ModelRepository(InferenceSettings().models_path)
    repository.load_all()
    return repository


def place(horizon: int) -> Path:
    return InferenceSettings().models_path / f"alpha_{horizon}" / "1"


def test_the_gateway_asks_for_the_models_that_are_there(shipped: ModelRepository) -> None:
    settings = GatewaySettings()
    assert shipped.ready
    assert shipped.model(settings.alpha_5_model).card.horizon_sessions == 5
    assert shipped.model(settings.alpha_10_model).card.horizon_sessions == 10


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_scorer_computes_every_feature_in_the_version_that_was_learned(
    horizon: int, shipped: ModelRepository
) -> None:
    versions = {spec.name: spec.version for spec in FACTORS}
    card = shipped.model(f"alpha_{horizon}").card
    assert card.names == FEATURES
    assert list(card.features) == [f"{name}@{versions[name]}" for name in FEATURES], "run `make models`"


def test_features_are_free_of_scale_and_of_where_a_series_begins() -> None:
    units = {spec.name: spec.unit for spec in FACTORS}
    assert not [name for name in FEATURES if units[name] in {Unit.USD, Unit.SHARES}]
    assert not [name for name in FEATURES if "ema_50" in name or "ema_200" in name]
    assert len(set(FEATURES)) == len(FEATURES)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_card_tells_the_uncertainty_the_rivals_and_the_caveats(horizon: int) -> None:
    card = json.loads((place(horizon) / "card.json").read_text())
    evaluation = card["evaluation"]
    model = evaluation["model"]
    rank_ic = model["skill"]["rank_ic"]
    assert rank_ic["low"] < rank_ic["mean"] < rank_ic["high"]
    assert evaluation["in_sample_ic"] > model["skill"]["ic"]["mean"]
    assert set(evaluation["rivals"]) == {
        "TechRating",
        "12-1 momentum",
        "5-day reversal",
        "low volatility 60",
        "low volatility + momentum",
        "ridge on the same factors",
    }
    assert evaluation["scores"].keys() == {"score with these alphas", "score without alphas"}
    assert model["slices"].keys() >= {"above 20 million USD a day", "profile conservative", "profile balanced"}
    assert model["groups"].keys() == {"year", "quarter", "trend", "volatility"}
    assert {era["bars"] for era in card["other_eras"]} == {"bars_2017.parquet", "bars_2026.parquet"}
    assert 0.9 < card["dividends"]["rank_correlation"] <= 1
    assert abs(evaluation["shuffled"]["t"]) < 3
    assert len(card["caveats"]) >= 5
    assert card["trained_on"]["files"].keys() >= {"bars_2025.parquet"}


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_shipped_model_is_small_and_its_card_names_no_machine(horizon: int) -> None:
    assert (place(horizon) / "model.ubj").stat().st_size <= 2_000_000
    assert (place(horizon) / "report.html").stat().st_size <= 400_000
    for name in ("card.json", "README.md", "report.html"):
        text = (place(horizon) / name).read_text()
        assert "/work" not in text
        assert "/home" not in text
    assert "**In short:**" in (place(horizon) / "README.md").read_text()


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_card_tells_the_sessions_that_its_model_has_seen(horizon: int) -> None:
    content = (place(horizon) / "card.json").read_bytes()
    card = read_card(content)
    assert card.trained_on == TrainedOn(date(2022, 7, 5), date(2025, 7, 9))
    assert card.facts()["learned_until"] == "2025-07-09"
    silent = json.loads(content)
    del silent["trained_on"]["last_day"]
    assert "learned_until" not in read_card(json.dumps(silent).encode()).facts()
