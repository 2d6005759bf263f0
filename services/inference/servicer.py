"""The Open Inference Protocol over the repository: converts, and nothing else."""
# ruff: noqa: N802, ARG002  # names and signatures of the methods are those of the protocol

from collections.abc import AsyncIterator

from inference import open_inference_grpc_pb2 as oip
from inference import open_inference_grpc_pb2_grpc as oip_grpc
from services.inference.device import Device
from services.inference.outputs import Tensor, compute, describe_outputs, read_outputs, write_outputs
from services.inference.pool import WorkPool
from services.inference.repository import ModelRepository
from services.inference.tensors import read_features
from services.market.errors import TechnicError
from services.rpc.interceptors import Context


class InferenceServicer(oip_grpc.GRPCInferenceServiceServicer):
    """Serves the models of a repository, which predict on `device`; all blocking work runs in the pool.

    `version` is that of the server.
    """

    def __init__(self, repository: ModelRepository, pool: WorkPool, version: str, device: Device) -> None:
        self._repository = repository
        self._pool = pool
        self._version = version
        self._device = device

    async def ServerLive(self, request: oip.ServerLiveRequest, context: Context) -> oip.ServerLiveResponse:
        """Answer; that is all it takes."""
        return oip.ServerLiveResponse(live=True)

    async def ServerReady(self, request: oip.ServerReadyRequest, context: Context) -> oip.ServerReadyResponse:
        """Tell whether all models were read, and every version of each is in order."""
        return oip.ServerReadyResponse(ready=self._repository.ready)

    async def ModelReady(self, request: oip.ModelReadyRequest, context: Context) -> oip.ModelReadyResponse:
        """Tell whether a version of a model, the newest that can be served by default, is in order."""
        return oip.ModelReadyResponse(ready=self._repository.entry(request.name, request.version).ready)

    async def ServerMetadata(self, request: oip.ServerMetadataRequest, context: Context) -> oip.ServerMetadataResponse:
        """Describe the server."""
        return oip.ServerMetadataResponse(name="technic", version=self._version, extensions=["model_repository"])

    async def ModelMetadata(self, request: oip.ModelMetadataRequest, context: Context) -> oip.ModelMetadataResponse:
        """Describe a model: an FP32 input per feature, its outputs, and its card and device as properties."""
        card = self._repository.card(request.name, request.version)
        return oip.ModelMetadataResponse(
            name=card.name,
            versions=[entry.version for entry in self._repository.versions(card.name)],
            platform="xgboost",
            inputs=[Tensor(name=name, datatype="FP32", shape=[-1]) for name in card.names],
            outputs=describe_outputs(card),
            properties=card.facts() | {"device": self._device},
        )

    async def ModelInfer(self, request: oip.ModelInferRequest, context: Context) -> oip.ModelInferResponse:
        """Predict a batch."""
        return await self._pool.run(self._infer, request)

    async def ModelStreamInfer(self, request_iterator: AsyncIterator[oip.ModelInferRequest], context: Context) -> None:
        """Predict batches in the order in which they come; a typed error is an answer and ends nothing."""
        async for request in request_iterator:
            answer = oip.ModelStreamInferResponse(infer_response=oip.ModelInferResponse(id=request.id))
            try:
                answer.infer_response.CopyFrom(await self._pool.run(self._infer, request))
            except TechnicError as error:
                answer.error_message = error.message
            await context.write(answer)

    def _infer(self, request: oip.ModelInferRequest) -> oip.ModelInferResponse:
        model = self._repository.model(request.model_name, request.model_version)
        names, features = read_outputs(request), read_features(request, model.card.features)
        return write_outputs(request, str(model.card.version), compute(model, features, names))

    async def RepositoryIndex(
        self, request: oip.RepositoryIndexRequest, context: Context
    ) -> oip.RepositoryIndexResponse:
        """List every version of every model with its state and, if it is unavailable, why."""
        response = oip.RepositoryIndexResponse()
        for entry in self._repository.entries():
            state = "READY" if entry.ready else "UNAVAILABLE"
            if entry.ready or not request.ready:
                response.models.add(name=entry.name, version=entry.version, state=state, reason=entry.reason)
        return response

    async def RepositoryModelLoad(
        self, request: oip.RepositoryModelLoadRequest, context: Context
    ) -> oip.RepositoryModelLoadResponse:
        """Read all versions of a model anew from its folder."""
        await self._pool.run(self._repository.load, request.model_name)
        return oip.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(
        self, request: oip.RepositoryModelUnloadRequest, context: Context
    ) -> oip.RepositoryModelUnloadResponse:
        """Let go of all versions of a model."""
        await self._pool.run(self._repository.unload, request.model_name)
        return oip.RepositoryModelUnloadResponse()
