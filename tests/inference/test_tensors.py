"""Tensors of requests: whatever way the numbers come, the same matrix; whatever is wrong, named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from inference import open_inference_grpc_pb2 as oip
from services.inference.tensors import ROW_LIMIT, read_features
from services.market.errors import InvalidRequestError
from tests.inference.conftest import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NAMES = ["vol_realized_60", "mom_12_1", "rsi_14"]
TYPES = {"FP32": "<f4", "FP64": "<f8"}


def request_of(tensors: Sequence[tuple[str, NDArray[Any]]], datatype: str, *, raw: bool) -> oip.ModelInferRequest:
    """Build a request of named arrays."""
    request = oip.ModelInferRequest(model_name="alpha_5", id="7")
    for name, array in tensors:
        values = array.astype(TYPES[datatype])
        tensor = request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        if raw:
            request.raw_input_contents.append(values.tobytes())
        else:
            getattr(tensor.contents, f"{datatype.lower()}_contents").extend(values.ravel().tolist())
    return request


values = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9).map(lambda shape: (shape[0], 3)))


@settings(deadline=None)
@given(block=values, datatype=st.sampled_from(["FP32", "FP64"]), raw=st.booleans(), order=st.permutations(range(3)))
def test_every_way_of_sending_a_block_gives_the_same_matrix(
    *, block: NDArray[np.float32], datatype: str, raw: bool, order: list[int]
) -> None:
    plain = request_of([("block", block)], datatype, raw=raw)
    named = request_of([("block", block[:, order])], datatype, raw=raw)
    named.parameters["features"].string_param = ", ".join(NAMES[column] for column in order)
    apart = request_of([(FEATURES[column], block[:, column]) for column in order], datatype, raw=raw)
    for request in (plain, named, apart):
        read = read_features(request, FEATURES)
        assert read.dtype == np.float32
        assert (read.shape, read.flags.c_contiguous) == (block.shape, True)
        np.testing.assert_array_equal(read, block)


def test_the_tensor_s_own_column_names_go_before_those_of_the_request() -> None:
    block = np.arange(6).reshape(2, 3)
    request = request_of([("block", block)], "FP32", raw=True)
    request.parameters["features"].string_param = "not,of,it"
    request.inputs[0].parameters["features"].string_param = ",".join(NAMES[::-1])
    np.testing.assert_array_equal(read_features(request, FEATURES), block[:, ::-1])


def test_doubles_beyond_single_precision_become_infinite_and_not_numbers_stay() -> None:
    request = request_of([("block", np.array([[1e300, np.nan, -1e300]]))], "FP64", raw=True)
    np.testing.assert_array_equal(read_features(request, FEATURES), [[np.inf, np.nan, -np.inf]])


def _columns(names: str, width: int = 3) -> oip.ModelInferRequest:
    request = request_of([("block", np.zeros((2, width)))], "FP32", raw=True)
    request.parameters["features"].string_param = names
    return request


def _shaped(shape: list[int], datatype: str = "FP32") -> oip.ModelInferRequest:
    return oip.ModelInferRequest(inputs=[{"name": "block", "datatype": datatype, "shape": shape}])


def _ragged(count: int) -> oip.ModelInferRequest:
    request = _shaped([2, 3])
    request.raw_input_contents.append(bytes(count))
    return request


def _apart(names: Sequence[str], rows: Sequence[int]) -> oip.ModelInferRequest:
    tensors = [(name, np.zeros(count)) for name, count in zip(names, rows, strict=True)]
    return request_of(tensors, "FP32", raw=True)


def _twice() -> oip.ModelInferRequest:
    request = request_of([("block", np.zeros((2, 3)))], "FP32", raw=False)
    request.raw_input_contents.append(bytes(24))
    return request


def _numbered() -> oip.ModelInferRequest:
    request = _columns("")
    request.parameters["features"].int64_param = 3
    return request


def _extra_raw() -> oip.ModelInferRequest:
    request = _apart(NAMES, [2, 2, 2])
    request.raw_input_contents.append(b"")
    return request


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (oip.ModelInferRequest(), "no inputs"),
        (
            request_of([("block", np.zeros((2, 4)))], "FP32", raw=True),
            "'block' has 4 columns, the model 3 features: vol",
        ),
        (_columns("vol_realized_60,mom_12_1"), "2 names for 3 columns"),
        (_columns("vol_realized_60,mom_12_1,ret_5"), "'ret_5' is no feature of the model: it takes vol_realized_60@1"),
        (_columns("vol_realized_60,mom_12_1,rsi_14@1"), "'rsi_14@1' is no feature"),
        (_columns("vol_realized_60,mom_12_1,mom_12_1@1"), "'mom_12_1@1' is given twice"),
        (_columns("vol_realized_60,rsi_14", 2), "1 features of the model are missing: mom_12_1@1"),
        (_columns("x" * 10_000, 1), "'" + "x" * 60 + "' is no feature"),
        (_numbered(), "must be a string"),
        (_apart(NAMES[:2], [2, 2]), "missing: rsi_14@2"),
        (_apart([*NAMES, "beta"], [2, 2, 2, 2]), "'beta' is no feature"),
        (_apart([*NAMES, "rsi_14"], [2, 2, 2, 2]), "'rsi_14' is given twice"),
        (_apart(NAMES, [2, 3, 2]), "'mom_12_1' has 3 rows, 'vol_realized_60' 2"),
        (request_of([("a", np.zeros((2, 3))), ("b", np.zeros((2, 3)))], "FP32", raw=True), "must be the only input"),
        (_shaped([2, 3], "INT32"), "'block' is 'INT32': only FP32 and FP64"),
        (_shaped([2, 3]), "0 elements in fp32_contents, its shape .* needs 6"),
        (_shaped([]), r"must be \[rows\] or"),
        (_shaped([1, 1, 1]), r"must be \[rows\] or"),
        (_shaped([-1, 3]), r"must be \[rows\] or"),
        (_shaped([ROW_LIMIT + 1, 3]), f"{ROW_LIMIT + 1} rows: a request may have at most {ROW_LIMIT}"),
        (_shaped([2, 2**60]), "needs 2305843009213693952"),
        (_ragged(23), "23 raw bytes, its shape .* needs 24"),
        (_ragged(0), "0 raw bytes"),
        (_twice(), "no typed contents beside"),
        (_extra_raw(), "raw_input_contents has 4 elements for 3 inputs"),
        (_shaped([10_000_000, 3]), f"10000000 rows: a request may have at most {ROW_LIMIT}"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(request_: oip.ModelInferRequest, fault: str) -> None:
    with pytest.raises(InvalidRequestError, match=fault):
        read_features(request_, FEATURES)


def test_as_many_rows_as_the_limit_says_are_read() -> None:
    request = _shaped([ROW_LIMIT, 3])
    request.raw_input_contents.append(bytes(ROW_LIMIT * 12))
    assert read_features(request, FEATURES).shape == (ROW_LIMIT, 3)
