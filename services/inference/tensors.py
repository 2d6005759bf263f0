"""Tensors of the Open Inference Protocol to numpy: one block of columns, or a tensor per feature."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import open_inference_grpc_pb2 as oip
from services.market.errors import InvalidRequestError

ROW_LIMIT = 4 * 4096
"""Most rows of a request."""
FEATURES_PARAMETER = "features"
"""Parameter of a block, or of its request: the comma-separated names of its columns."""
_TYPES: dict[str, tuple[np.dtype[Any], str]] = {
    "FP32": (np.dtype("<f4"), "fp32_contents"),
    "FP64": (np.dtype("<f8"), "fp64_contents"),
}


def read_features(request: oip.ModelInferRequest, features: Sequence[str]) -> NDArray[np.float32]:
    """Read the feature matrix out of a request.

    A request has either one tensor of shape [rows, columns], its columns named by the string parameter `features` or
    else exactly the model's in the model's order, or one tensor of shape [rows] for each feature, in any order.

    Args:
        request: tensors of FP32 or FP64, in raw_input_contents or typed contents; NaN = missing.
        features: `name@version` of the model's features, in its order. A request names them with or without version.

    Returns:
        (row, feature) float32, C order; FP64 is rounded, and beyond FP32's range infinite.

    Raises:
        InvalidRequestError: the tensors do not fit the model, or each other, or their shapes.
    """
    arrays = _read_arrays(request)
    if len(arrays) == 1 and arrays[0].ndim == 2:
        return _read_block(request, arrays[0], features)
    for tensor, array in zip(request.inputs, arrays, strict=True):
        if array.ndim != 1:
            raise InvalidRequestError(f"input {_short(tensor.name)} has two dimensions: it must be the only input")
        if len(array) != len(arrays[0]):
            raise InvalidRequestError(
                f"input {_short(tensor.name)} has {len(array)} rows, {_short(request.inputs[0].name)} {len(arrays[0])}"
            )
    order = _order([tensor.name for tensor in request.inputs], features)
    return np.stack([arrays[place] for place in order], axis=1)


def _read_arrays(request: oip.ModelInferRequest) -> list[NDArray[np.float32]]:
    raw = request.raw_input_contents
    if not request.inputs:
        raise InvalidRequestError("the request has no inputs")
    if not raw:
        return [_read_array(tensor, None) for tensor in request.inputs]
    if len(raw) != len(request.inputs):
        raise InvalidRequestError(f"raw_input_contents has {len(raw)} elements for {len(request.inputs)} inputs")
    return [_read_array(tensor, content) for tensor, content in zip(request.inputs, raw, strict=True)]


def _read_array(tensor: oip.ModelInferRequest.InferInputTensor, raw: bytes | None) -> NDArray[np.float32]:
    name, shape = _short(tensor.name), tuple(tensor.shape)
    if tensor.datatype not in _TYPES:
        raise InvalidRequestError(f"input {name} is {_short(tensor.datatype)}: only FP32 and FP64 are taken")
    if len(shape) not in (1, 2) or min(shape) < 0:
        raise InvalidRequestError(f"input {name} has the shape {list(shape[:5])}: it must be [rows] or [rows, columns]")
    if shape[0] > ROW_LIMIT:
        raise InvalidRequestError(f"input {name} has {shape[0]} rows: a request may have at most {ROW_LIMIT}")
    dtype, field = _TYPES[tensor.datatype]
    count = math.prod(shape)
    if raw is None:
        contents = getattr(tensor.contents, field)
        if len(contents) != count:
            raise InvalidRequestError(
                f"input {name} has {len(contents)} elements in {field}, its shape {list(shape)} needs {count}"
            )
        values = np.array(contents, dtype)
    else:
        if len(raw) != count * dtype.itemsize or tensor.HasField("contents"):
            raise InvalidRequestError(
                f"input {name} has {len(raw)} raw bytes, its shape {list(shape)} needs {count * dtype.itemsize}"
                " and no typed contents beside them"
            )
        values = np.frombuffer(raw, dtype)
    with np.errstate(over="ignore"):  # becomes infinite, which the model refuses by the feature's name
        array: NDArray[np.float32] = values.reshape(shape).astype(np.float32, copy=False)
    return array


def _read_block(
    request: oip.ModelInferRequest, block: NDArray[np.float32], features: Sequence[str]
) -> NDArray[np.float32]:
    parameters = request.inputs[0].parameters
    if FEATURES_PARAMETER not in parameters:
        parameters = request.parameters
    if FEATURES_PARAMETER not in parameters:
        if block.shape[1] != len(features):
            raise InvalidRequestError(
                f"input {_short(request.inputs[0].name)} has {block.shape[1]} columns, the model {len(features)}"
                f" features: {_list(features)}"
            )
        return block
    if parameters[FEATURES_PARAMETER].WhichOneof("parameter_choice") != "string_param":
        raise InvalidRequestError(f"the parameter {FEATURES_PARAMETER!r} must be a string of comma-separated names")
    names = [name.strip() for name in parameters[FEATURES_PARAMETER].string_param.split(",")]
    if len(names) != block.shape[1]:
        raise InvalidRequestError(f"the parameter features has {len(names)} names for {block.shape[1]} columns")
    return np.ascontiguousarray(block[:, _order(names, features)])


def _order(names: Sequence[str], features: Sequence[str]) -> list[int]:
    """Return where each of the model's features stands in `names`; each must stand there once, and nothing else."""
    columns = {spelling: column for column, name in enumerate(features) for spelling in (name, name.partition("@")[0])}
    places: dict[int, int] = {}
    for place, name in enumerate(names):
        column = columns.get(name)
        if column is None:
            raise InvalidRequestError(f"{_short(name)} is no feature of the model: it takes {_list(features)}")
        if column in places:
            raise InvalidRequestError(f"the feature {_short(name)} is given twice")
        places[column] = place
    missing = [name for column, name in enumerate(features) if column not in places]
    if missing:
        raise InvalidRequestError(f"{len(missing)} features of the model are missing: {_list(missing)}")
    return [places[column] for column in range(len(features))]


def _short(name: str) -> str:
    """Quote a name that came from outside, cut to what an error may carry."""
    return repr(name[:60])


def _list(names: Sequence[str]) -> str:
    """List the model's features, the first of them if there are many."""
    return ", ".join((*names[:12], "...") if len(names) > 12 else names)
