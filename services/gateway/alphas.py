"""Predictions for a scan: streams features to an Open Inference Protocol server and collects alphas."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

import grpc
import numpy as np

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc
from services.market.errors import ModelUnusableError
from services.rpc.logs import scan_metadata
from services.rpc.status import from_call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

StreamCall: TypeAlias = "grpc.aio.StreamStreamCall[oip.ModelInferRequest, oip.ModelStreamInferResponse]"

SERVICE = "inference service"
OUTPUT = "alpha"


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its server describes it.

    Attributes:
        role: which alpha it gives: alpha_5 or alpha_10.
        name: name on the server.
        version: version that answers.
        sha256: hash of the model's file; empty if its server does not tell.
        features: names of the factors that it takes, in its order.
        feature_versions: versions of those factors' formulas, those that the server tells.
    """

    role: str
    name: str
    version: str
    sha256: str
    features: tuple[str, ...]
    feature_versions: dict[str, int]

    @classmethod
    def from_metadata(cls, role: str, message: oip.ModelMetadataResponse) -> Self:
        """Read a description; what is not in the protocol itself stands among the properties, as our server puts it."""
        card = message.properties
        versioned = (text.rpartition("@") for text in card.get("features", "").split(",") if "@" in text)
        return cls(
            role=role,
            name=message.name,
            version=card.get("version", message.versions[-1] if message.versions else ""),
            sha256=card.get("sha256", ""),
            features=tuple(tensor.name for tensor in message.inputs),
            feature_versions={name: int(version) for name, _, version in versioned},
        )


class InferenceClient:
    """Asks one inference server.

    Args:
        channel: to the server.
        names: name of the model by role.
    """

    def __init__(self, channel: grpc.aio.Channel, names: Mapping[str, str]) -> None:
        self._stub = open_inference_grpc_pb2_grpc.GRPCInferenceServiceStub(channel)
        self._names = dict(names)

    async def describe(self, within_s: float) -> tuple[Model, ...]:
        """Return the models by role.

        Raises:
            TechnicError: the server does not answer, or does not have a model.
        """
        roles = list(self._names)
        calls = [
            self._stub.ModelMetadata(
                oip.ModelMetadataRequest(name=self._names[role]), timeout=within_s, metadata=scan_metadata()
            )
            for role in roles
        ]
        try:
            answers = await asyncio.gather(*calls)
        except grpc.aio.AioRpcError as error:
            raise from_call(error, SERVICE) from None
        finally:
            for call in calls:
                call.cancel()
        return tuple(Model.from_metadata(role, answer) for role, answer in zip(roles, answers, strict=True))

    def stream(self, models: Sequence[Model], within_s: float) -> AlphaStream:
        """Open a stream of predictions by all `models`."""
        return AlphaStream(self._stub.ModelStreamInfer(timeout=within_s, metadata=scan_metadata()), models)


class AlphaStream:
    """A stream of predictions in progress. Blocks go in with `send`; `finish` gives the alphas of all of them."""

    def __init__(self, call: StreamCall, models: Sequence[Model]) -> None:
        self._call = call
        self._models = tuple(models)
        self._sizes: list[int] = []
        self._answers: dict[str, NDArray[np.float64]] = {}
        self._reader = asyncio.create_task(self._read())

    async def send(self, factors: Mapping[str, NDArray[np.float64]], row_count: int) -> None:
        """Ask for the alphas of a block.

        Args:
            factors: by name, (symbol,) float64; NaN = undefined.
            row_count: symbols in the block.
        """
        block = len(self._sizes)
        self._sizes.append(row_count)
        for model in self._models:
            features = np.stack([factors[name] for name in model.features], axis=1).astype("<f4")
            request = oip.ModelInferRequest(
                model_name=model.name,
                model_version=model.version,
                id=f"{block}/{model.role}",
                inputs=[oip.ModelInferRequest.InferInputTensor(name="features", datatype="FP32", shape=features.shape)],
                raw_input_contents=[features.tobytes()],
            )
            request.parameters["features"].string_param = ",".join(model.features)
            # A stream that broke is told by `finish`, once and with its reason.
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self._call.write(request)

    async def finish(self) -> dict[str, NDArray[np.float64]]:
        """Return (symbol,) float64 alphas by role, in the order of the blocks.

        Raises:
            TechnicError: the server failed, or refused a block.
        """
        try:
            with contextlib.suppress(asyncio.InvalidStateError):
                await self._call.done_writing()
            await self._reader
        except grpc.aio.AioRpcError as error:
            raise from_call(error, SERVICE) from None
        finally:
            await self.cancel()
        empty: list[NDArray[np.float64]] = [np.empty(0)]
        return {
            model.role: np.concatenate(empty + [self._answers[f"{n}/{model.role}"] for n in range(len(self._sizes))])
            for model in self._models
        }

    async def cancel(self) -> None:
        """End the stream, whatever is still on its way."""
        self._call.cancel()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        async for answer in self._call:
            response = answer.infer_response
            if answer.error_message:
                raise ModelUnusableError(f"the {SERVICE} refused a block: {answer.error_message}")
            self._answers[response.id] = _alphas(response)


def _alphas(response: oip.ModelInferResponse) -> NDArray[np.float64]:
    """Read the tensor `alpha` of an answer as float64."""
    for place, tensor in enumerate(response.outputs):
        if tensor.name == OUTPUT:
            dtype = {"FP32": "<f4", "FP64": "<f8"}[tensor.datatype]
            return np.frombuffer(response.raw_output_contents[place], dtype).astype(np.float64)
    raise ModelUnusableError(f"model {response.model_name} answers without a tensor named {OUTPUT}")


def check_features(models: Sequence[Model], columns: Mapping[str, int]) -> None:
    """Check that the scorer computes every feature of every model, by the formula that the model was made for.

    Raises:
        ModelUnusableError: names the model and the factors at fault.
    """
    for model in models:
        odd = [
            name
            for name in model.features
            if name not in columns or model.feature_versions.get(name, columns[name]) != columns[name]
        ]
        if odd:
            raise ModelUnusableError(f"model {model.name} was made for other factors: {', '.join(odd)}")
