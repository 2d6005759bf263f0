"""What can be asked of a model: alphas, and on request what made them and which rows are unlike the training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import open_inference_grpc_pb2 as oip
from services.inference.card import Card
from services.inference.model import Model
from services.market.errors import InvalidRequestError

ALPHA, CONTRIBUTIONS, OUT_OF_DISTRIBUTION = "alpha", "contributions", "out_of_distribution"
"""Names of the outputs. A request that names none gets alphas."""
_COMPUTED = {
    ALPHA: Model.predict,
    CONTRIBUTIONS: Model.contributions,
    OUT_OF_DISTRIBUTION: Model.out_of_distribution,
}
_TYPES = {"f": ("FP32", "<f4", "fp32_contents"), "b": ("BOOL", "?", "bool_contents")}
"""Datatype of the protocol, raw form and field of typed contents, by numpy's kind of dtype."""

Array = NDArray[Any]
Tensor = oip.ModelMetadataResponse.TensorMetadata


def describe_outputs(card: Card) -> list[Tensor]:
    """List the outputs that a model has; it can tell what is out of distribution if its card has feature ranges."""
    outputs = [
        Tensor(name=ALPHA, datatype="FP32", shape=[-1]),
        Tensor(name=CONTRIBUTIONS, datatype="FP32", shape=[-1, len(card.features) + 1]),
    ]
    if card.feature_ranges is not None:
        outputs.append(Tensor(name=OUT_OF_DISTRIBUTION, datatype="BOOL", shape=[-1]))
    return outputs


def read_outputs(request: oip.ModelInferRequest) -> tuple[str, ...]:
    """Return the names of the outputs that a request asks for, in its order.

    Raises:
        InvalidRequestError: there is no such output, or it is asked for twice.
    """
    names = tuple(output.name for output in request.outputs) or (ALPHA,)
    for name in names:
        if name not in _COMPUTED:
            raise InvalidRequestError(f"there is no output {name[:60]!r}, only {', '.join(map(repr, _COMPUTED))}")
    if len(set(names)) < len(names):
        raise InvalidRequestError("an output is asked for twice")
    return names


def compute(model: Model, features: NDArray[np.float32], names: Sequence[str]) -> dict[str, Array]:
    """Compute outputs for (row, feature) float32, by name. Raises InvalidRequestError as the model does."""
    return {name: _COMPUTED[name](model, features) for name in names}


def write_outputs(request: oip.ModelInferRequest, version: str, outputs: Mapping[str, Array]) -> oip.ModelInferResponse:
    """Write the answer to a request: arrays of float32 as FP32, of bool as BOOL; raw if the request's tensors were."""
    response = oip.ModelInferResponse(model_name=request.model_name, model_version=version, id=request.id)
    for name, array in outputs.items():
        datatype, raw, field = _TYPES[array.dtype.kind]
        tensor = response.outputs.add(name=name, datatype=datatype, shape=array.shape)
        if request.raw_input_contents:
            response.raw_output_contents.append(array.astype(raw).tobytes())
        else:
            getattr(tensor.contents, field).extend(array.ravel().tolist())
    return response
