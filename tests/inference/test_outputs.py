"""Alphas, what made them, and which rows are unlike the training: by the library's word, and over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inference import open_inference_grpc_pb2 as oip
from services.inference.card import Card
from services.inference.model import CONTRIBUTION_ROWS, Model
from services.inference.outputs import compute, describe_outputs, read_outputs, write_outputs
from services.market.errors import InvalidRequestError
from tests.inference.conftest import FEATURES, train
from tests.inference.test_servicer import ask, failure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub
    from tests.inference.conftest import MakeModel

RANGES = ((-1.0, 1.0), (-2.0, 0.5), (0.1, 0.1))


def model_of(width: int, ranges: tuple[tuple[float, float], ...] | None, seed: int = 0) -> Model:
    """Make a model of so many features, with these ranges on its card."""
    features = tuple(f"f{column}@1" for column in range(width))
    card = Card("alpha_5", 1, 5, features, 0.0, "0" * 64, "tests", feature_ranges=ranges)
    return Model(card, bytes(train(width, seed).save_raw("ubj")))


SIZED = {width: model_of(width, ((-1.0, 1.0),) * width) for width in range(1, 31)}
"""Models by their number of features."""


@pytest.fixture(scope="module")
def booster() -> xgboost.Booster:
    return train(len(FEATURES))


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of(3, RANGES)


def test_contributions_are_the_library_s_and_sum_to_the_alpha(
    model: Model, booster: xgboost.Booster, block: NDArray[np.float32]
) -> None:
    rows = block[:CONTRIBUTION_ROWS]
    parts = model.contributions(rows)
    assert parts.shape == (CONTRIBUTION_ROWS, 4)
    np.testing.assert_array_equal(parts, booster.predict(xgboost.DMatrix(rows), pred_contribs=True))
    np.testing.assert_allclose(parts.sum(axis=1), model.predict(rows), atol=1e-6)
    assert len(np.unique(parts[:, -1])) == 1  # the bias is the same for every row
    assert np.ptp(parts[:, :3], axis=0).min() > 0


def test_contributions_of_no_row_have_their_columns_and_of_too_many_are_refused(model: Model) -> None:
    assert model.contributions(np.empty((0, 3), np.float32)).shape == (0, 4)
    with pytest.raises(InvalidRequestError, match="at most 100 rows a request"):
        model.contributions(np.zeros((CONTRIBUTION_ROWS + 1, 3), np.float32))


def test_a_booster_that_knows_its_features_names_gives_contributions_too(booster: xgboost.Booster) -> None:
    named = booster.copy()
    named.feature_names = ["f0", "f1", "f2"]
    card = Card("alpha_5", 1, 5, ("f0@1", "f1@1", "f2@1"), 0.0, "0" * 64, "tests")
    row = np.zeros((1, 3), np.float32)
    parts = Model(card, bytes(named.save_raw("ubj"))).contributions(row)
    np.testing.assert_array_equal(parts, model_of(3, None).contributions(row))


@settings(deadline=None)
@given(st.integers(1, 30), st.data())
def test_a_row_is_out_of_distribution_above_a_tenth_of_its_features(width: int, data: st.DataObject) -> None:
    outside = data.draw(st.integers(0, width))
    missing = data.draw(st.integers(0, width - outside))
    row = [2.0] * outside + [np.nan] * missing + [0.0] * (width - outside - missing)
    values = np.array([data.draw(st.permutations(row))], np.float32)
    found = SIZED[width].out_of_distribution(values)
    assert found.dtype == np.bool_
    assert found.tolist() == [outside * 10 > width]


def test_the_ends_of_a_range_are_inside_and_their_neighbours_outside(model: Model) -> None:
    ends = np.array(RANGES, np.float32)
    inside = np.array([ends[:, 0], ends[:, 1], [np.nan] * 3], np.float32)
    assert model.out_of_distribution(inside).tolist() == [False] * 3
    for column in range(3):
        rows = np.repeat(ends[:, :1].T, 2, axis=0)
        rows[0, column] = np.nextafter(ends[column, 0], np.float32(-np.inf))
        rows[1, column] = np.nextafter(ends[column, 1], np.float32(np.inf))
        assert model.out_of_distribution(rows).tolist() == [True, True]


def test_without_ranges_a_model_does_not_offer_to_tell() -> None:
    bare = model_of(3, None)
    assert [tensor.name for tensor in describe_outputs(bare.card)] == ["alpha", "contributions"]
    with pytest.raises(InvalidRequestError, match="its card has no feature ranges"):
        bare.out_of_distribution(np.zeros((1, 3), np.float32))


def test_with_ranges_metadata_offers_booleans(model: Model) -> None:
    offered = [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in describe_outputs(model.card)]
    assert offered[2:] == [("out_of_distribution", "BOOL", [-1])]


def asking(*outputs: str, raw: bool = True) -> oip.ModelInferRequest:
    """Build a request for outputs, of no row."""
    request = oip.ModelInferRequest(model_name="alpha_5", id="7", outputs=[{"name": name} for name in outputs])
    if raw:
        request.raw_input_contents.append(b"")
    return request


def test_alphas_are_what_a_request_without_outputs_asks_for() -> None:
    assert read_outputs(asking()) == ("alpha",)
    assert read_outputs(asking("contributions", "alpha")) == ("contributions", "alpha")


@pytest.mark.parametrize(
    ("outputs", "fault"),
    [
        (["beta"], "no output 'beta', only 'alpha', 'contributions', 'out_of_distribution'"),
        (["x" * 999], "no output '" + "x" * 60 + "'"),
        (["alpha", "alpha"], "asked for twice"),
    ],
)
def test_an_output_that_is_not_there_or_twice_is_refused(outputs: list[str], fault: str) -> None:
    with pytest.raises(InvalidRequestError, match=fault):
        read_outputs(asking(*outputs))


@settings(deadline=None)
@given(values=arrays(np.float32, st.integers(0, 20), elements=st.floats(-1, 1, width=32)), raw=st.booleans())
def test_an_answer_is_written_the_way_its_request_came(*, values: NDArray[np.float32], raw: bool) -> None:
    arrays_: dict[str, NDArray[Any]] = {
        "alpha": values,
        "contributions": np.stack([values, -values], axis=1),
        "out_of_distribution": values > 0,
    }
    response = write_outputs(asking(raw=raw), "2", arrays_)
    assert (response.model_name, response.model_version, response.id) == ("alpha_5", "2", "7")
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in response.outputs] == [
        ("alpha", "FP32", [len(values)]),
        ("contributions", "FP32", [len(values), 2]),
        ("out_of_distribution", "BOOL", [len(values)]),
    ]
    if raw:
        assert list(response.raw_output_contents) == [array.tobytes() for array in arrays_.values()]
        assert not any(tensor.HasField("contents") for tensor in response.outputs)
    else:
        assert not response.raw_output_contents
        contents = [tensor.contents for tensor in response.outputs]
        np.testing.assert_array_equal(np.array(contents[0].fp32_contents, np.float32), values)
        np.testing.assert_array_equal(contents[1].fp32_contents, arrays_["contributions"].ravel())
        assert list(contents[2].bool_contents) == arrays_["out_of_distribution"].tolist()


async def test_all_outputs_come_over_the_wire_in_the_order_asked_for(
    stub: GRPCInferenceServiceStub, make_model: MakeModel, block: NDArray[np.float32]
) -> None:
    place = make_model("told", 1, feature_ranges=RANGES)
    await stub.RepositoryModelLoad(oip.RepositoryModelLoadRequest(model_name="told"), timeout=5)
    card = Card("told", 1, 5, FEATURES, 0.5, "0" * 64, "tests", feature_ranges=RANGES)
    rows = block[:50]
    expected = compute(Model(card, (place / "model.ubj").read_bytes()), rows, ["contributions", "alpha"])
    names = ["contributions", "alpha", "out_of_distribution"]
    answer = await stub.ModelInfer(ask(rows, "told", outputs=[{"name": name} for name in names]), timeout=5)
    parts, alphas, odd = answer.raw_output_contents
    assert [tensor.name for tensor in answer.outputs] == names
    np.testing.assert_array_equal(np.frombuffer(parts, "<f4").reshape(50, 4), expected["contributions"])
    np.testing.assert_array_equal(np.frombuffer(alphas, "<f4"), expected["alpha"])
    outside = (rows < np.array(RANGES)[:, 0]) | (rows > np.array(RANGES)[:, 1])
    assert np.frombuffer(odd, np.bool_).tolist() == outside.any(axis=1).tolist()


async def test_what_an_output_cannot_give_is_a_refused_request(
    stub: GRPCInferenceServiceStub, block: NDArray[np.float32]
) -> None:
    for output, text in (("contributions", "at most 100 rows"), ("out_of_distribution", "no feature ranges")):
        kind, message = await failure(stub.ModelInfer(ask(block, outputs=[{"name": output}]), timeout=5))
        assert kind is InvalidRequestError
        assert text in message
