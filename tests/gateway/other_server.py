"""Another server of the Open Inference Protocol, written from its proto alone: ModelInfer only, and no card.

It stands for KServe, MLServer or Triton: tensors have other names, metadata lists one input of all columns, and nothing
of ours is among the properties.
"""
# ruff: noqa: N802, ARG002  # names and signatures of the methods are those of the protocol

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import xgboost

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc as oip_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from numpy.typing import NDArray

INPUT, OUTPUT = "columns", "prediction"


@dataclass
class OtherServer(oip_grpc.GRPCInferenceServiceServicer):
    """Serves boosters by name.

    Attributes:
        boosters: by name of the model.
        raw: whether answers come as raw contents.
        spoil: what becomes of an answer before it leaves, for tests of bad answers.
        hold: calls wait for it, if it is set.
        refuse_after: number of calls after which all are refused; None for never.
        rows: rows of each call so far.
        most_at_once: most calls that were here at the same time.
    """

    boosters: Mapping[str, xgboost.Booster]
    raw: bool = False
    spoil: Callable[[oip.ModelInferResponse], None] | None = None
    hold: asyncio.Event | None = None
    refuse_after: int | None = None
    rows: list[int] = field(default_factory=list)
    most_at_once: int = 0
    _here: int = 0

    async def ModelMetadata(self, request: oip.ModelMetadataRequest, context: Any) -> oip.ModelMetadataResponse:
        """Describe a model as the protocol asks for, and no further."""
        booster = await self._booster(request.name, context)
        return oip.ModelMetadataResponse(
            name=request.name,
            platform="other",
            inputs=[{"name": INPUT, "datatype": "FP32", "shape": [-1, booster.num_features()]}],
            outputs=[{"name": OUTPUT, "datatype": "FP32", "shape": [-1, 1]}],
        )

    async def ModelInfer(self, request: oip.ModelInferRequest, context: Any) -> oip.ModelInferResponse:
        """Predict a batch."""
        booster = await self._booster(request.model_name, context)
        self._here += 1
        self.most_at_once = max(self.most_at_once, self._here)
        await (self.hold.wait() if self.hold else asyncio.sleep(0))
        self._here -= 1
        if self.refuse_after is not None and len(self.rows) >= self.refuse_after:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
        (tensor,) = request.inputs
        if tensor.name != INPUT or [output.name for output in request.outputs] not in ([], [OUTPUT]):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such tensor")
        features = np.frombuffer(request.raw_input_contents[0], "<f4").reshape(tuple(tensor.shape))
        self.rows.append(len(features))
        answer = self._answer(request, booster.predict(xgboost.DMatrix(features, nthread=1)))
        if self.spoil:
            self.spoil(answer)
        return answer

    async def ModelStreamInfer(self, request_iterator: Any, context: Any) -> None:
        """Not have it, as a server that does not know it."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")

    def _answer(self, request: oip.ModelInferRequest, values: NDArray[np.float32]) -> oip.ModelInferResponse:
        answer = oip.ModelInferResponse(model_name=request.model_name)  # without the id: it is optional
        tensor = answer.outputs.add(name=OUTPUT, datatype="FP32", shape=[len(values), 1])
        if self.raw:
            answer.raw_output_contents.append(values.astype("<f4").tobytes())
        else:
            tensor.contents.fp32_contents.extend(values.tolist())
        return answer

    async def _booster(self, name: str, context: Any) -> xgboost.Booster:
        if name not in self.boosters:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no model {name}")
        return self.boosters[name]


@asynccontextmanager
async def serving(servicer: OtherServer, address: str) -> AsyncIterator[None]:
    """Serve at a Unix address."""
    server = grpc.aio.server()
    server.add_insecure_port(address)
    oip_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)
