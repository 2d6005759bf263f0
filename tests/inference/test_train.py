"""The trainer on generated rows: it finds what is there, finds nothing where nothing is, and refuses to be fooled."""

import hashlib

import numpy as np
import pytest
import xgboost

from services.inference.leaks import Alarm, raise_alarm
from services.inference.model import Model
from services.inference.train import Trained, feature_ranges, train
from services.inference.training_set import TrainingSet
from services.market.errors import LocalDataError, ModelUnusableError
from tests.inference.training_rows import FEATURES, make_rows


def silent(_: str) -> None:
    """Hear no progress."""


@pytest.fixture(scope="module")
def rows() -> TrainingSet:
    return make_rows(signal=0.08)


@pytest.fixture(scope="module")
def trained(rows: TrainingSet) -> Trained:
    return train(rows, 5, "alpha_5", silent)


def test_a_planted_signal_is_found_out_of_sample(trained: Trained) -> None:
    skill = trained.evaluation.model
    assert skill.sessions == 32
    assert skill.rank_ic.low > 0
    assert skill.ic.t > 2
    assert trained.evaluation.in_sample_ic > skill.ic.mean
    assert abs(trained.evaluation.shuffled.t) < 3
    assert "above 0 out of sample" in trained.card.training


def test_the_signal_orders_what_is_served_in_the_unit_of_returns(trained: Trained) -> None:
    model = Model(trained.card, trained.content)
    ladder = np.zeros((5, len(FEATURES)), np.float32)
    ladder[:, 0] = [-2, -1, 0, 1, 2]
    alphas = model.predict(ladder)
    assert (np.diff(alphas) >= 0).all()
    # What was planted: 0.05 x 0.08 of return for each unit of the signal, of which there are four.
    assert 0.2 * 0.016 < alphas[-1] - alphas[0] < 2 * 0.016


def test_a_card_tells_between_which_values_each_feature_was_learned(rows: TrainingSet, trained: Trained) -> None:
    ranges = np.array(trained.card.feature_ranges)
    np.testing.assert_allclose(ranges, np.nanquantile(rows.features, [0.005, 0.995], axis=0).T, rtol=1e-6)
    assert feature_ranges(np.full((4, 1), np.nan, np.float32)) == ((0.0, 0.0),)


def test_the_same_rows_give_the_same_bytes(rows: TrainingSet, trained: Trained) -> None:
    again = train(rows, 5, "alpha_5", silent)
    assert again.content == trained.content
    assert again.card == trained.card
    assert hashlib.sha256(again.content).hexdigest() == again.card.sha256


def test_the_booster_keeps_the_names_of_its_features(trained: Trained) -> None:
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(trained.content))
    assert booster.feature_names == ["signal", "noise", "other"]


def test_noise_shows_no_skill_and_no_alpha_beyond_its_error() -> None:
    noise = train(make_rows(signal=0.0, seed=1), 5, "alpha_5", silent)
    skill, calibration = noise.evaluation.model, noise.evaluation.calibration
    assert skill.ic.low < 0 < skill.ic.high
    assert skill.rank_ic.low < 0 < skill.rank_ic.high
    assert "no skill shown" in noise.card.training
    assert calibration.t < 2
    assert calibration.scale <= 0.75 * max(calibration.slope, 0)


def test_a_slope_that_is_not_positive_gives_an_alpha_of_0(rows: TrainingSet) -> None:
    turned = np.where(rows.positions > np.median(rows.positions), -1.0, 1.0)
    against = TrainingSet(
        rows.names,
        rows.features,
        rows.positions,
        rows.symbols,
        rows.returns * turned,  # what was learned is wrong ever after
        rows.dollar_volume,
        rows.rivals,
        rows.styles,
    )
    model = train(against, 5, "alpha_5", silent)
    assert model.card.scale == 0
    assert "alpha is always 0" in model.card.training
    assert not Model(model.card, model.content).predict(rows.features[:100]).any()


def test_a_feature_that_knows_the_future_stops_the_training() -> None:
    with pytest.raises(ModelUnusableError, match="too good to be true"):
        train(make_rows(future=True), 5, "alpha_5", silent)


@pytest.mark.parametrize(
    ("ic", "horizon", "alarm"), [(0.05, 5, Alarm.NONE), (0.07, 5, Alarm.WARN), (0.07, 10, Alarm.NONE)]
)
def test_the_alarm_depends_on_the_horizon(ic: float, horizon: int, alarm: Alarm) -> None:
    assert raise_alarm(ic, horizon) is alarm


@pytest.mark.parametrize(("ic", "horizon"), [(0.08, 5), (0.11, 10), (0.13, 20), (0.13, 60)])
def test_an_ic_beyond_what_is_honest_stops(ic: float, horizon: int) -> None:
    with pytest.raises(ModelUnusableError, match="knows the future"):
        raise_alarm(ic, horizon)


@pytest.mark.parametrize(
    ("sessions", "symbols", "horizon", "text"),
    [(20, 50, 5, "at least 24"), (24, 50, 40, "too few sessions to learn from"), (30, 10, 5, "too few stocks")],
)
def test_too_little_to_learn_from_is_one_clear_error(sessions: int, symbols: int, horizon: int, text: str) -> None:
    with pytest.raises(LocalDataError, match=text):
        train(make_rows(sessions=sessions, symbols=symbols), horizon, "alpha", silent)
