"""The repository over real folders: what loads, what is refused and why, what stays when something breaks."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xgboost

from services.inference.repository import FILE_BYTES, MODEL_LIMIT
from services.market.errors import (
    InvalidRequestError,
    LocalDataError,
    ModelUnusableError,
    ServiceUnavailableError,
    UnknownModelError,
)
from tests.inference.conftest import FEATURES, train

if TYPE_CHECKING:
    from pathlib import Path

    from services.inference.repository import ModelRepository
    from tests.inference.conftest import MakeModel


def test_newest_version_is_the_highest_number(repository: ModelRepository, make_model: MakeModel) -> None:
    for version in (9, 10, 2):
        make_model("alpha_5", version)
    repository.load_all()
    assert repository.model("alpha_5").card.version == 10
    assert repository.model("alpha_5", "9").card.version == 9
    assert [entry.version for entry in repository.versions("alpha_5")] == ["2", "9", "10"]
    assert repository.ready


def test_a_model_is_loaded_once_and_stays_in_memory(repository: ModelRepository, make_model: MakeModel) -> None:
    place = make_model()
    repository.load_all()
    loaded = repository.model("alpha_5")
    shutil.rmtree(place)
    assert repository.model("alpha_5") is loaded


def test_a_broken_newest_version_is_not_replaced_silently_by_an_older_one(
    repository: ModelRepository, make_model: MakeModel
) -> None:
    make_model("alpha_5", 1)
    make_model("alpha_5", 2, sha256="0" * 64)
    repository.load_all()
    with pytest.raises(ModelUnusableError, match=r"alpha_5/2 is unavailable: .*sha256"):
        repository.model("alpha_5")
    assert repository.model("alpha_5", "1").card.version == 1
    assert not repository.ready


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ({"name": "other"}, "is that of other/1"),
        ({"version": 3}, "is that of alpha_5/3"),
        ({"version": "1"}, r"card\.json\.version"),
        ({"scale": -1.0}, r"card\.json\.scale"),
        ({"horizon_sessions": 0}, r"card\.json\.horizon_sessions"),
        ({"features": ["a@1", "b"]}, "'b' is not of the form name@version"),
        ({"features": ["a@1", "b@1", "a@2"]}, "twice"),
        ({"features": ["a@1", "b@1"]}, "has 3 features, its card has 2"),
        ({"sha256": "abc"}, r"card\.json\.sha256"),
        ({"sha256": "0" * 64}, "sha256 differ"),
        ({"base": None}, r"card\.json\.base"),
        ({"feature_ranges": [[0.0, 1.0]]}, "a range for each feature"),
        ({"feature_ranges": [[0.0, 1.0], [2.0, 1.0], [0.0, 1.0]]}, "ends before it begins"),
        ({"feature_ranges": [[0.0, None]] * 3}, r"card\.json\.feature_ranges"),
    ],
)
def test_a_card_that_does_not_fit_makes_its_model_unusable(
    card: dict[str, object], reason: str, repository: ModelRepository, make_model: MakeModel
) -> None:
    make_model("alpha_5", 1, **card)
    make_model("good", 1)
    repository.load_all()
    with pytest.raises(ModelUnusableError, match=reason):
        repository.model("alpha_5")
    assert repository.model("good").card.name == "good"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95pickle",
        b"{L" + bytes(50),
        bytes(train(3).save_raw("json")),
        bytes(train(3).save_raw("ubj"))[:-100],
        bytes(train(3).save_raw("ubj")).replace(b"left_children", b"\xff" * 13),
        bytes(train(3).save_raw("ubj"))[:2000],
    ],
    ids=["empty", "pickle", "noise", "json", "cut", "garbled", "cut early"],
)
def test_content_that_is_no_ubjson_model_is_refused(
    content: bytes, repository: ModelRepository, make_model: MakeModel
) -> None:
    make_model("alpha_5", 1, content)
    repository.load_all()
    with pytest.raises(ModelUnusableError, match=r"not an XGBoost model|damaged") as raised:
        repository.model("alpha_5")
    assert len(raised.value.message) < 200


def test_a_booster_named_for_other_features_is_refused(repository: ModelRepository, make_model: MakeModel) -> None:
    booster = train(3)
    booster.feature_names = ["mom_12_1", "vol_realized_60", "rsi_14"]
    make_model("alpha_5", 1, bytes(booster.save_raw("ubj")))
    repository.load_all()
    with pytest.raises(ModelUnusableError, match=r"column 0 .* 'mom_12_1', its card says 'vol_realized_60'"):
        repository.model("alpha_5")


@pytest.mark.parametrize("parameters", [{"booster": "gblinear"}, {"objective": "multi:softprob", "num_class": 3}])
def test_a_model_that_does_not_answer_one_finite_number_is_refused(
    parameters: dict[str, object], repository: ModelRepository, make_model: MakeModel
) -> None:
    table = xgboost.DMatrix(np.eye(3, dtype=np.float32), [0, 1, 2], nthread=1)
    booster = xgboost.train({"nthread": 1, **parameters}, table, 2)
    make_model("alpha_5", 1, bytes(booster.save_raw("ubj")))
    repository.load_all()
    with pytest.raises(ModelUnusableError, match=r"cannot predict|one finite number"):
        repository.model("alpha_5")


@pytest.mark.parametrize("file", ["model.pkl", "model.json", "notes.txt"])
def test_other_files_beside_a_model_are_refused(file: str, repository: ModelRepository, make_model: MakeModel) -> None:
    (make_model() / file).write_bytes(b"x")
    repository.load_all()
    with pytest.raises(ModelUnusableError, match=file):
        repository.model("alpha_5")


def test_a_card_in_words_may_lie_beside_a_model(repository: ModelRepository, make_model: MakeModel) -> None:
    (make_model() / "README.md").write_text("# alpha_5")
    repository.load_all()
    assert repository.ready


def test_a_file_beyond_its_bound_is_refused_unread(repository: ModelRepository, make_model: MakeModel) -> None:
    card = make_model() / "card.json"
    card.write_text(card.read_text() + " " * FILE_BYTES["card.json"])
    repository.load_all()
    with pytest.raises(ModelUnusableError, match=r"card\.json has \d+ bytes, at most"):
        repository.model("alpha_5")


def test_folders_that_are_no_versions_are_named(
    repository: ModelRepository, make_model: MakeModel, folder: Path
) -> None:
    make_model("alpha_5", 1)
    for odd in ("alpha_5/v2", "empty", "-odd name-/1"):
        (folder / odd).mkdir(parents=True)
    (folder / "alpha_5" / ".hidden").mkdir()
    (folder / "README.md").write_text("for people")
    repository.load_all()
    found = {(entry.name, entry.version): entry.reason for entry in repository.entries()}
    assert found.keys() == {("-odd name-", ""), ("alpha_5", "v2"), ("alpha_5", "1"), ("empty", "")}
    assert {key for key, reason in found.items() if not reason} == {("alpha_5", "1")}
    assert repository.model("alpha_5").card.version == 1


def test_unknown_models_and_versions_are_told_apart(repository: ModelRepository, make_model: MakeModel) -> None:
    make_model("alpha_5", 1)
    repository.load_all()
    with pytest.raises(UnknownModelError, match="no model is named 'alpha_7'"):
        repository.model("alpha_7")
    with pytest.raises(UnknownModelError, match="no version '7', only 1"):
        repository.model("alpha_5", "7")


def test_loading_finds_what_is_new_in_the_folder(repository: ModelRepository, make_model: MakeModel) -> None:
    repository.load_all()
    make_model("alpha_5", 1)
    repository.load("alpha_5")
    make_model("alpha_5", 2)
    assert repository.model("alpha_5").card.version == 1
    repository.load("alpha_5")
    assert repository.model("alpha_5").card.version == 2


def test_a_version_that_breaks_on_disk_keeps_serving_from_memory(
    repository: ModelRepository, make_model: MakeModel
) -> None:
    make_model("alpha_5", 1)
    repository.load_all()
    loaded = repository.model("alpha_5")
    make_model("alpha_5", 1, sha256="0" * 64)
    with pytest.raises(ModelUnusableError, match=r"alpha_5/1: .*sha256"):
        repository.load("alpha_5")
    assert repository.model("alpha_5") is loaded
    assert repository.ready


@pytest.mark.parametrize("name", ["../alpha_5", "..", "", "a/b", "/etc", ".hidden", "a\0b", "x" * 101])
def test_a_name_cannot_leave_the_folder(name: str, repository: ModelRepository, make_model: MakeModel) -> None:
    make_model()
    with pytest.raises(InvalidRequestError, match="cannot be the name of a model"):
        repository.load(name)


def test_unloading_lets_go_until_it_is_loaded_again(repository: ModelRepository, make_model: MakeModel) -> None:
    make_model("alpha_5", 1)
    repository.load_all()
    repository.unload("alpha_5")
    with pytest.raises(ModelUnusableError, match="unloaded"):
        repository.model("alpha_5")
    assert repository.ready
    repository.load("alpha_5")
    assert repository.model("alpha_5").card.features == FEATURES


def test_a_repository_is_not_ready_and_denies_no_model_before_it_was_read(
    repository: ModelRepository, make_model: MakeModel
) -> None:
    make_model()
    before = repository.ready
    with pytest.raises(ServiceUnavailableError, match="still being loaded"):
        repository.model("alpha_5")
    repository.load_all()
    assert (before, repository.ready) == (False, True)


def test_an_absent_or_overfull_folder_is_an_error(repository: ModelRepository, folder: Path) -> None:
    for number in range(MODEL_LIMIT + 1):
        (folder / f"model_{number}").mkdir()
    with pytest.raises(LocalDataError, match="at most"):
        repository.load_all()
    shutil.rmtree(folder)
    with pytest.raises(LocalDataError, match="No such file"):
        repository.load_all()
