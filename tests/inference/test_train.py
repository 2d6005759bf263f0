"""The trainer on generated rows: it finds what is there, finds nothing where nothing is, and refuses to be fooled."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
import xgboost

from services.inference import leaks
from services.inference.boosting import MOST_ROUNDS, PATIENCE, count_rounds, fit, predict
from services.inference.evaluate import correlations, measure
from services.inference.keep import Keep, Make, make_anew
from services.inference.labels import percentiles
from services.inference.leaks import Alarm, raise_alarm, shuffle_check
from services.inference.model import Model
from services.inference.train import RIDGE, Task, Trained, feature_ranges
from services.inference.train import train as train_model
from services.inference.training_set import TrainingSet
from services.inference.walk import walk
from services.market.errors import LocalDataError, ModelUnusableError
from tests.inference.training_rows import FEATURES, make_rows


def silent(text: str, done: int = 0, total: int = 0) -> None:
    """Hear no progress."""


def train(rows: TrainingSet, horizon: int = 5, keep: Keep = make_anew) -> Trained:
    """Walk and train, with the walk's predictions themselves as what a scan makes of them."""
    walked = walk(rows, horizon, keep, silent)
    scores = {"score": walked.predicted, "no score": np.full(len(rows), np.nan)}
    groups = {"half": {p: "early" if p < 350 else "late" for p in rows.sessions().tolist()}}
    return train_model(rows, Task("alpha_5", walked, scores, groups), keep, silent)


@pytest.fixture(scope="module")
def rows() -> TrainingSet:
    return make_rows(signal=0.08)


@pytest.fixture(scope="module")
def trained(rows: TrainingSet) -> Trained:
    return train(rows)


def test_a_planted_signal_is_found_out_of_sample(trained: Trained) -> None:
    skill = trained.evaluation.model.skill
    assert skill.sessions == 32
    assert skill.rank_ic.low > 0
    assert skill.ic.t > 2
    assert trained.evaluation.in_sample_ic > skill.ic.mean
    assert abs(trained.evaluation.shuffled.t) < 3
    assert "above 0 out of sample" in trained.card.training


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_truth_of_a_planted_signal_lies_within_the_interval(seed: int) -> None:
    """Of what is known of the returns, 0.08, the predictions have as much as they agree with the signal."""
    rows = make_rows(signal=0.08, seed=seed)
    walked = walk(rows, 5, make_anew, silent)
    tested = rows.of(~np.isnan(walked.predicted))
    predicted = walked.predicted[~np.isnan(walked.predicted)]
    signal = percentiles(tested.features[:, 0].astype(np.float64), tested.positions)
    agreement = correlations(percentiles(predicted, tested.positions), signal, tested.positions).mean()
    truth = agreement * 6 / math.pi * math.asin(0.08 / 2)  # Spearman's of two normal variables
    found = measure(predicted, tested, 5).rank_ic
    assert found.low < truth < found.high
    ridge = measure(walked.ridge[~np.isnan(walked.predicted)], tested, 5).rank_ic
    assert ridge.low < 6 / math.pi * math.asin(0.08 / 2) < ridge.high


def test_what_a_scan_makes_of_it_and_rivals_stand_beside_the_model(trained: Trained) -> None:
    evaluation = trained.evaluation
    assert list(evaluation.subjects) == ["model", "score", "a rule", RIDGE]
    assert evaluation.scores["score"].skill == evaluation.model.skill
    assert evaluation.rivals[RIDGE].skill.rank_ic.low > 0
    assert evaluation.model.slices["nobody"] is None
    assert evaluation.model.groups["half"].keys() == {"early", "late"}
    assert evaluation.decay["model"].keys() == {10}


def test_the_number_of_rounds_is_where_later_rows_are_ordered_best() -> None:
    rows = make_rows(signal=0.3, symbols=100)
    labels, later = rows.returns, rows.positions > np.median(rows.positions)
    late = rows.features[later], labels[later], rows.positions[later]
    rounds = count_rounds((rows.features[~later], labels[~later]), late)
    truth = percentiles(late[1], late[2])
    found = []
    for number in range(1, min(rounds + PATIENCE, MOST_ROUNDS) + 1):
        guess = predict(fit(rows.features[~later], labels[~later], rows.names, number), late[0])
        found.append(correlations(percentiles(guess, late[2]), truth, late[2]).mean())
    assert rounds == 1 + int(np.argmax(found))
    assert rounds > 1


def test_a_training_that_was_broken_off_goes_on_and_ends_with_the_same_bytes(
    rows: TrainingSet, trained: Trained
) -> None:
    kept: dict[str, bytes] = {}
    made: list[str] = []

    def keep(name: str, make: Make) -> bytes:
        if name not in kept:
            if len(made) == 9:
                raise KeyboardInterrupt
            made.append(name)
            kept[name] = make()
        return kept[name]

    with pytest.raises(KeyboardInterrupt):
        train(rows, keep=keep)
    assert len(kept) == 9
    made.clear()
    kept_before = set(kept)
    with pytest.raises(KeyboardInterrupt):
        train(rows, keep=keep)
    assert kept_before.isdisjoint(made)
    made.clear()
    assert train(rows, keep=keep).content == trained.content
    assert len(kept) == 2 * 6 + 10


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
    again = train(rows)
    assert again.content == trained.content
    assert again.card == trained.card
    assert hashlib.sha256(again.content).hexdigest() == again.card.sha256


def test_the_booster_keeps_the_names_of_its_features(trained: Trained) -> None:
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(trained.content))
    assert booster.feature_names == ["signal", "noise", "other"]


def test_noise_shows_no_skill_and_no_alpha_beyond_its_error() -> None:
    noise = train(make_rows(signal=0.0, seed=1))
    skill, calibration = noise.evaluation.model.skill, noise.evaluation.calibration
    assert skill.ic.low < 0 < skill.ic.high
    assert skill.rank_ic.low < 0 < skill.rank_ic.high
    assert "no skill shown" in noise.card.training
    assert calibration.t < 2
    assert calibration.scale <= 0.75 * max(calibration.slope, 0)


def test_a_slope_that_is_not_positive_gives_an_alpha_of_0(rows: TrainingSet) -> None:
    turned = np.where(rows.positions > np.median(rows.positions), -1.0, 1.0)
    against = replace(rows, returns=rows.returns * turned)  # what was learned is wrong ever after
    model = train(against)
    assert model.card.scale == 0
    assert "alpha is always 0" in model.card.training
    assert not Model(model.card, model.content).predict(rows.features[:100]).any()


def test_a_feature_that_knows_the_future_stops_the_training() -> None:
    with pytest.raises(ModelUnusableError, match=r"leak\? .* too good to be true"):
        train(make_rows(future=True))


def test_a_result_that_is_nearly_too_good_is_asked_about(rows: TrainingSet) -> None:
    said: list[str] = []

    def hear(text: str, done: int = 0, total: int = 0) -> None:
        said.append(f"{text} ({done} of {total})")

    walked = walk(rows, 5, make_anew, hear)
    groups: dict[str, dict[int, str]] = {}
    known = walked.predicted + 0.05 * rows.features[:, 0]
    better = replace(walked, predicted=np.where(np.isnan(known), walked.predicted, known))
    found = train_model(rows, Task("alpha_5", better, {}, groups), make_anew, hear)
    assert found.evaluation.alarm is Alarm.WARN
    assert [text for text in said if text.startswith("leak?")]
    assert "**leak?**" in found.card.training


def test_skill_at_shuffled_labels_stops_the_training(rows: TrainingSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """No feature can know labels that were shuffled, so the bound is put where chance alone is beyond it."""
    monkeypatch.setattr(leaks, "T_LIMIT", 0.0)
    with pytest.raises(ModelUnusableError, match=r"leak\? a model of shuffled labels has skill"):
        shuffle_check(rows, 5, 0.05, make_anew, silent)


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
        train(make_rows(sessions=sessions, symbols=symbols), horizon)
